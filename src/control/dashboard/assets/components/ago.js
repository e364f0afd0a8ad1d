// How long ago something was, or until it is. Each second only the text is written, and only where it
// is another one: a row that does not change is not drawn again, and would say "3 s ago" for hours.
import { html, useLayoutEffect, useRef } from "../lib/html.js";
import { absolute, ago, second } from "../lib/time.js";

// at: RFC 3339, or null, which is `never`.
export function Ago({ at, never = "never" }) {
  const element = useRef(null);
  useLayoutEffect(() => {
    if (!at) return undefined;
    let before = "";
    const say = () => {
      const text = ago(at);
      if (text !== before) element.current.textContent = text;
      before = text;
    };
    say();
    return second.follow(say);
  }, [at]);
  return at ? html`<time ref=${element} class="figures" datetime=${at} title=${absolute(at)}></time>` : html`<span>${never}</span>`;
}
