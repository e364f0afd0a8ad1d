// How long until something resets, by the server's clock. No live region: it would never be silent.
import { html, useLayoutEffect, useRef } from "../lib/html.js";
import { absolute, left, now, second } from "../lib/time.js";

// `ended` is called once when it reaches zero, up to three seconds late, so that not all ask at once.
// Each second only the text is written: a table has a hundred of these.
export function Countdown({ to, ended }) {
  const at = useRef(null);
  const latest = useRef(ended);
  latest.current = ended;
  useLayoutEffect(() => {
    if (!to) return undefined;
    let timer = null;
    const say = () => {
      const rest = Date.parse(to) - now();
      at.current.textContent = rest > 0 ? left(rest) : "now";
      if (rest <= 0) timer ??= setTimeout(() => latest.current?.(), Math.random() * 3000);
    };
    say();
    const end = second.follow(say);
    return () => {
      end();
      clearTimeout(timer);
    };
  }, [to]);
  if (!to) return html`<span class="muted" data-testid="countdown" title="It never resets">never</span>`;
  return html`<time ref=${at} class="figures" data-testid="countdown" datetime=${to} title=${absolute(to)}></time>`;
}
