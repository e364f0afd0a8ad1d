// A status: colour, icon and word.
import { html } from "../lib/html.js";
import { word } from "../lib/words.js";
import { Icon } from "./icon.js";

export function Badge({ status }) {
  const { tone, icon, text } = word(status);
  return html`<span class="badge ${tone}"><${Icon} name=${icon} size=${13} />${text}</span>`;
}

// A workspace by its name, with a colour that stays its own.
export function Workspace({ id }) {
  if (!id) return html`<span class="muted">–</span>`;
  let hue = 7;
  for (const letter of id) hue = (hue * 31 + letter.codePointAt(0)) % 360;
  return html`<span class="chip" style=${{ "--chip": `hsl(${hue} 55% 52%)` }}><span class="clip" title=${id}>${id}</span></span>`;
}
