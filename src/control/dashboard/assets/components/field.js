// One field of a form: label, control, hint, and what is wrong with it.
import { html, useEffect, useId, useState } from "../lib/html.js";
import { Icon } from "./icon.js";

export function Field({ label, value, set, hint, fault, type = "text", rows, options, ...rest }) {
  const id = useId();
  const described = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ") || undefined;
  const common = {
    id,
    class: "input",
    value,
    onInput: (event) => set(event.target.value),
    "aria-invalid": fault ? "true" : undefined,
    "aria-describedby": described,
    ...rest,
  };
  const control = options
    ? html`<select ...${common}>${options.map(([of, text]) => html`<option key=${of} value=${of}>${text}</option>`)}</select>`
    : rows
      ? html`<textarea rows=${rows} spellcheck=${false} ...${common}></textarea>`
      : html`<input type=${type} autocomplete="off" spellcheck=${false} ...${common} />`;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${control}
    ${hint && html`<span class="hint" id="${id}-hint">${hint}</span>`}
    ${fault && html`<span class="fault" id="${id}-fault"><${Icon} name="triangle" size=${14} />${fault}</span>`}
  </div>`;
}

// Any of a few: `value` is the list of those that are chosen.
export function Checks({ label, value, set, options, hint, fault }) {
  const id = useId();
  const turn = (of) => set(value.includes(of) ? value.filter((one) => one !== of) : options.map(([each]) => each).filter((each) => each === of || value.includes(each)));
  const described = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ") || undefined;
  return html`<fieldset class="field" aria-describedby=${described}>
    <legend>${label}</legend>
    <div class="row wide-gap">${options.map(([of, text]) => html`<label key=${of} class="check"><input type="checkbox" checked=${value.includes(of)} onChange=${() => turn(of)} />${text}</label>`)}</div>
    ${hint && html`<span class="hint" id="${id}-hint">${hint}</span>`}
    ${fault && html`<span class="fault" id="${id}-fault"><${Icon} name="triangle" size=${14} />${fault}</span>`}
  </fieldset>`;
}

// One of a few, as buttons side by side.
export function Choice({ label, value, set, options }) {
  return html`<div class="choice" role="group" aria-label=${label}>
    ${options.map(([of, text]) => html`<button key=${of} type="button" class="button tiny" aria-pressed=${of === value ? "true" : "false"} onClick=${() => set(of)}>${text}</button>`)}
  </div>`;
}

// A filter that is typed: it holds when it is done, by Enter or by leaving it. Until then it stays as
// it is typed, however often the page is drawn.
export function Typed({ label, value, set }) {
  const [typed, type] = useState(value);
  useEffect(() => type(value), [value]);
  return html`<input class="input" aria-label=${label} placeholder=${label} value=${typed} autocomplete="off" spellcheck=${false}
    onInput=${(event) => type(event.target.value)} onChange=${() => set(typed.trim())} />`;
}

// A filter above a table; its label is for screen readers.
export function Pick({ label, value, set, options }) {
  return html`<select class="input" aria-label=${label} value=${value} onChange=${(event) => set(event.target.value)}>
    ${options.map(([of, text]) => html`<option key=${of} value=${of}>${text}</option>`)}
  </select>`;
}
