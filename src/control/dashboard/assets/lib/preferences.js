// Theme and toasts as somebody chose them, also in other browsers: the server keeps them for whoever
// is logged in. Without an answer, what this browser keeps holds.
import { get, put } from "./api.js";
import { theme, toastsWanted } from "./choices.js";
import { failed } from "./toasts.js";

const chosen = { theme, toasts: toastsWanted };
let following = false;
let reading = false;

async function keep() {
  if (reading) return;
  try {
    await put("/api/v1/preferences", { theme: theme.get(), toasts: toastsWanted.get() });
  } catch (why) {
    failed("Kept in this browser only", why);
  }
}

// Called at every login. What is chosen while the answer is awaited holds.
export async function remember() {
  if (!following) for (const store of Object.values(chosen)) store.follow(keep);
  following = true;
  const before = { theme: theme.get(), toasts: toastsWanted.get() };
  let kept;
  try {
    kept = await get("/api/v1/preferences");
  } catch {
    // What this browser keeps holds.
    return;
  }
  reading = true;
  for (const [name, store] of Object.entries(chosen)) if (kept[name] && store.get() === before[name]) store.set(kept[name]);
  reading = false;
}
