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

// Called at every login.
export async function remember() {
  let kept = {};
  try {
    kept = await get("/api/v1/preferences");
  } catch {
    // The page works without.
  }
  reading = true;
  for (const [name, store] of Object.entries(chosen)) if (kept[name] && kept[name] !== store.get()) store.set(kept[name]);
  reading = false;
  if (following) return;
  following = true;
  for (const store of Object.values(chosen)) store.follow(keep);
}
