// A link that signs in, once: /login#once=…. Its secret is out of the address and the history before
// anything else is done, and is sent to nobody but the server.
import { login, logIn, whoAmI } from "./api.js";
import { store } from "./store.js";

const WORN_OUT = "This link was used before, or is too old. Print another with farebox dashboard, or sign in with an admin token.";
const MARK = "#once=";

// Why the link that was followed did not sign in.
export const complaint = store("");

let once = null;

function take() {
  if (location.pathname !== "/login" || !location.hash.startsWith(MARK)) return false;
  once = location.hash.slice(MARK.length);
  history.replaceState(null, "", location.pathname + location.search);
  return true;
}

take();
// A link that is put into the address of the login page loads nothing.
addEventListener("hashchange", () => {
  if (take()) enter().catch((why) => complaint.set(why.words || why.message));
});

// Signs in with the link that was followed, where there is one; else asks who is logged in.
export async function enter() {
  if (once === null) return whoAmI();
  try {
    await logIn({ once });
  } catch (why) {
    // Only what the server looked at is used up; the rest is tried again.
    if (why.status !== 401 && why.status !== 422) throw why;
    once = null;
    // Whoever follows his link a second time is logged in already.
    await whoAmI();
    if (!login.get()) complaint.set(WORN_OUT);
  }
  once = null;
}
