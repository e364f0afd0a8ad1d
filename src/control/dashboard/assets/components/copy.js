// A button that copies a text. Where the browser gives no clipboard (plain HTTP), it selects it.
import { html, useState } from "../lib/html.js";
import { Icon } from "./icon.js";

async function copied(text, button) {
  // It may be there and forbidden.
  if (await navigator.clipboard?.writeText(text).then(() => true, () => false)) return true;
  const code = button.parentElement.querySelector("code");
  if (!code) return false;
  getSelection().selectAllChildren(code);
  return document.execCommand("copy");
}

export function Copy({ text, label = "Copy" }) {
  const [said, say] = useState("");
  const copy = async (event) => {
    const button = event.currentTarget;
    const done = await copied(text, button);
    say(done ? "Copied" : "Press Ctrl+C");
    setTimeout(() => say(""), 2000);
  };
  return html`<button class="button tiny" type="button" onClick=${copy}>
    <${Icon} name=${said === "Copied" ? "check" : "copy"} size=${14} /><span aria-live="polite">${said || label}</span>
  </button>`;
}
