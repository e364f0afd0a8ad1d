// What stands in place of content: nothing yet, loading, an error. Each says what to do next.
import { html } from "../lib/html.js";
import { Copy } from "./copy.js";
import { Icon } from "./icon.js";

export function Nothing({ icon = "info", title, text, command, children }) {
  return html`<div class="nothing">
    <${Icon} name=${icon} size=${28} />
    <h2>${title}</h2>
    ${text && html`<p>${text}</p>`}
    ${command && html`<div class="command"><code tabindex="0">${command}</code><${Copy} text=${command} /></div>`}
    ${children}
  </div>`;
}

export function Bones({ rows = 6 }) {
  return html`<div class="body" aria-hidden="true">
    <div class="stack">${Array.from({ length: rows }, (_, i) => html`<span key=${i} class="bone" style=${{ width: `${92 - ((i * 17) % 40)}%` }}></span>`)}</div>
  </div>`;
}

export function Fault({ error, again }) {
  if (!error) return null;
  return html`<div class="alert" role="alert">
    <${Icon} name="triangle" />
    <span>${error.words || error.message || String(error)}${" "}
      ${again && html`<button class="button tiny" type="button" onClick=${() => again()}>Try again</button>`}
    </span>
  </div>`;
}

// A card whose content comes from an answer: bones, then content; an error stands above what is old.
// What answers another question is not shown under the title of this one.
export function Card({ title, asked, actions, empty, rows, children, id }) {
  const { value, error, loading, other, again } = asked || { value: true };
  const bare = other || value === null || value === undefined;
  return html`<section class="card" aria-busy=${loading && bare ? "true" : undefined} aria-labelledby=${id}>
    ${title && html`<div class="title"><h2 id=${id}>${title}</h2>${actions}</div>`}
    ${error && html`<div class="body"><${Fault} error=${error} again=${again} /></div>`}
    ${bare ? !error && html`<${Bones} rows=${rows} />` : empty?.(value) || (typeof children === "function" ? children(value) : children)}
  </section>`;
}
