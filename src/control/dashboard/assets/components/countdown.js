// How long until something resets, by the server's clock. No live region: it would never be silent.
import { html, useEffect, useRef } from "../lib/html.js";
import { useStore } from "../lib/store.js";
import { absolute, left, now, second } from "../lib/time.js";

// `ended` is called once when it reaches zero, up to three seconds late, so that not all ask at once.
export function Countdown({ to, ended }) {
  useStore(second);
  const told = useRef(null);
  const rest = to ? Date.parse(to) - now() : null;
  const over = rest !== null && rest <= 0;
  useEffect(() => {
    if (!over || !ended || told.current === to) return undefined;
    told.current = to;
    const timer = setTimeout(ended, Math.random() * 3000);
    return () => clearTimeout(timer);
  }, [over, to]);
  if (rest === null) return html`<span class="muted" data-testid="countdown" title="It never resets">never</span>`;
  return html`<time class="figures" data-testid="countdown" datetime=${to} title=${absolute(to)}>${over ? "now" : left(rest)}</time>`;
}
