// The search above a list. `/` leads to it from anywhere on the page.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { Icon } from "./icon.js";

const PAUSE = 250;

// `longest`: how much can be typed; ids have 64 characters at most.
export function Search({ label, value, set, longest = 64 }) {
  const [typed, type] = useState(value);
  const input = useRef(null);
  const timer = useRef(null);
  useEffect(() => type(value), [value]);
  useEffect(() => {
    const key = (event) => {
      const writes = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName);
      if (event.key !== "/" || writes || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener("keydown", key);
    return () => {
      removeEventListener("keydown", key);
      clearTimeout(timer.current);
    };
  }, []);
  const change = (text) => {
    type(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => set(text), PAUSE);
  };
  const key = (event) => {
    if (event.key === "Escape") {
      if (typed) change("");
      else event.target.blur();
    }
  };
  return html`<div class="search" role="search">
    <${Icon} name="search" />
    <input ref=${input} class="input" type="search" aria-label=${label} placeholder=${label} value=${typed}
      onInput=${(event) => change(event.target.value)} onKeyDown=${key} autocomplete="off" spellcheck=${false} maxlength=${longest} />
    <kbd aria-hidden="true">/</kbd>
  </div>`;
}
