// Dialogs: the browser keeps the focus inside and closes them with Esc.
import { html, useEffect, useId, useRef, useState } from "../lib/html.js";
import { Icon } from "./icon.js";
import { Fault } from "./state.js";

export function Dialog({ title, close, children, panel = false, closable = true }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    // What it was opened from may be gone meanwhile.
    return () => (before?.isConnected ? before : document.getElementById("main"))?.focus();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    if (closable) close();
  };
  // At a second Esc the browser closes a dialog whatever is said to it.
  const closed = () => (closable ? close() : element.current.showModal());
  return html`<dialog ref=${element} class=${panel ? "panel" : ""} aria-labelledby=${id} onCancel=${cancel} onClose=${closed}
      onClick=${(event) => closable && event.target === element.current && panel && close()}>
    <div class="title">
      <h2 id=${id}>${title}</h2>
      ${closable && html`<button class="button bare icon" type="button" aria-label="Close" onClick=${close}><${Icon} name="close" /></button>`}
    </div>
    <div class="body">${children}</div>
  </dialog>`;
}

// A form in a dialog. `send` does it and may refuse; the fields keep what was typed then. `fields`
// are those that say themselves what is wrong with them.
export function FormDialog({ title, close, send, action, danger = false, children, disabled = false, fields = [] }) {
  const [error, fail] = useState(null);
  const [busy, work] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    work(true);
    fail(null);
    try {
      await send();
    } catch (why) {
      fail(why);
    }
    work(false);
  };
  const form = useRef(null);
  useEffect(() => {
    if (!error || !form.current) return;
    const wrong = form.current.querySelector('[aria-invalid="true"]');
    if (wrong) wrong.focus();
    // A button that was disabled while it worked has lost the focus.
    else if (!form.current.contains(document.activeElement)) form.current.querySelector("[type=submit]").focus();
  }, [error]);
  // Forms with a condition say themselves that somebody else was faster.
  const told = error?.status === 412 || error?.fields?.size > 0 && [...error.fields.keys()].every((field) => fields.includes(field));
  return html`<${Dialog} title=${title} close=${close}>
    <form ref=${form} class="form" onSubmit=${submit} noValidate>
      ${typeof children === "function" ? children(error) : children}
      ${error && !told && html`<${Fault} error=${error} />`}
      <div class="ends">
        <button class="button" type="button" onClick=${close}>Cancel</button>
        <button class="button first ${danger ? "danger" : ""}" type="submit" disabled=${busy || disabled}>${busy ? "One moment…" : action}</button>
      </div>
    </form>
  <//>`;
}

// Asks before what cannot be undone; where `typed` is given, it must be typed.
export function Confirm({ title, text, action, typed, close, send }) {
  const [word, set] = useState("");
  const id = useId();
  return html`<${FormDialog} title=${title} close=${close} send=${send} action=${action} danger disabled=${typed !== undefined && word !== typed}>
    <p>${text}</p>
    ${typed !== undefined && html`<div class="field">
      <label for=${id}>Type <code>${typed}</code> to go on</label>
      <input id=${id} class="input" value=${word} onInput=${(event) => set(event.target.value)} autocomplete="off" spellcheck=${false} autofocus />
    </div>`}
  <//>`;
}
