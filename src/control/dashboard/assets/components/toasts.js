// The toasts at the lower right. They wait while the pointer or the focus is on them.
import { html, useEffect, useState } from "../lib/html.js";
import { useStore } from "../lib/store.js";
import { VISIBLE, dismiss, toasts } from "../lib/toasts.js";
import { Icon } from "./icon.js";

const STAYS = 6000;
const ICONS = { info: "info", ok: "check", warn: "triangle", over: "stop" };

function Toast({ one }) {
  const [held, hold] = useState(false);
  useEffect(() => {
    if (held || one.stays) return undefined;
    const timer = setTimeout(() => dismiss(one.id), STAYS);
    return () => clearTimeout(timer);
  }, [held, one.id]);
  const undo = () => {
    dismiss(one.id);
    one.undo();
  };
  return html`<div class="toast ${one.tone}" data-testid="toast" role=${one.tone === "over" ? "alert" : "status"}
      onMouseEnter=${() => hold(true)} onMouseLeave=${() => hold(false)} onFocusIn=${() => hold(true)} onFocusOut=${() => hold(false)}>
    <${Icon} name=${ICONS[one.tone]} />
    <div>
      <p class="strong">${one.title}</p>
      ${one.text && html`<p class="muted small">${one.text}</p>`}
      ${one.undo && html`<button class="button tiny" type="button" onClick=${undo}>Undo</button>`}
    </div>
    <button class="button bare icon tiny" type="button" aria-label="Dismiss" onClick=${() => dismiss(one.id)}><${Icon} name="close" size=${14} /></button>
  </div>`;
}

export function Toasts() {
  const all = useStore(toasts);
  // What stays comes first, so that newer messages do not push it out of sight; one place is for these.
  const staying = all.filter((one) => one.stays);
  const passing = all.filter((one) => !one.stays);
  const shown = [...staying.slice(0, passing.length ? VISIBLE - 1 : VISIBLE), ...passing].slice(0, VISIBLE);
  return html`<div class="toasts" aria-label="Messages" role="region">${shown.map((one) => html`<${Toast} key=${one.id} one=${one} />`)}</div>`;
}
