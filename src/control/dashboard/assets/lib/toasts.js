// Short messages. What must not be missed stays until it is closed; nothing is said here only.
import { store } from "./store.js";
import { toastsWanted } from "./choices.js";

export const VISIBLE = 3;
const MOST = 20;

export const toasts = store([]);
let next = 1;

// tone: "info", "ok", "warn", "over". `undo` is a function that a button runs. A message
// takes the place of an earlier one that is `about` the same.
export function toast({ tone = "info", title, text = "", undo = null, stays = false, unasked = false, about = null }) {
  if (unasked && toastsWanted.get() === "off") return;
  const one = { id: next, tone, title, text, undo, stays, about };
  next += 1;
  toasts.set((all) => [one, ...all.filter((old) => about === null || old.about !== about)].slice(0, MOST));
}

export const dismiss = (id) => toasts.set((all) => all.filter((one) => one.id !== id));

export const said = (title, text, undo) => toast({ tone: "ok", title, text, undo });
export const failed = (title, why) => toast({ tone: "over", title, text: why?.words || why?.message || "", stays: true });
