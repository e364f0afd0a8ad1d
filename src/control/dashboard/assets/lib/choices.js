// What a person chose in this browser: theme, toasts, what was read. Without storage, for this page.
import { store } from "./store.js";

const PREFIX = "farebox.";
const fallback = new Map();

function read(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return fallback.get(name) ?? null;
  }
}

function write(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    fallback.set(name, value);
  }
}

function choice(name, first) {
  const kept = store(read(name) ?? first);
  kept.follow((value) => write(name, value));
  return kept;
}

// "system", "light" or "dark".
export const theme = choice("theme", "system");
// "on" or "off".
export const toastsWanted = choice("toasts", "on");
// The time of the newest alert that was seen, RFC 3339.
export const seenUntil = choice("seen", "");

theme.follow((value) => {
  const root = document.documentElement;
  if (value === "system") delete root.dataset.theme;
  else root.dataset.theme = value;
});
