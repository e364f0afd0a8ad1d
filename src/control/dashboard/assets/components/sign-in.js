// The form that logs in: on its own page, and above a page whose login has ended.
import { html, useState } from "../lib/html.js";
import { logIn } from "../lib/api.js";
import { complaint } from "../lib/link.js";
import { useStore } from "../lib/store.js";
import { Field } from "./field.js";
import { Icon } from "./icon.js";

const WHY = {
  401: "This is no admin token that works.",
};
const where = () => html`The one that is configured, else in <code>farebox-data/admin-token</code> on the server. There, <code>farebox dashboard</code> prints a link.`;

export function SignIn() {
  const [token, set] = useState("");
  const [error, fail] = useState(null);
  const [busy, work] = useState(false);
  const linked = useStore(complaint);
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    complaint.set("");
    if (!token.trim()) return void fail("Type or paste an admin token.");
    work(true);
    fail(null);
    try {
      await logIn({ token: token.trim() });
    } catch (why) {
      fail(WHY[why.status] || why.words || why.message);
      work(false);
    }
  };
  return html`<form class="form" onSubmit=${submit} noValidate>
    <${Field} label="Admin token" type="password" value=${token} set=${set} name="token" autocomplete="current-password" autofocus hint=${where()} />
    ${(error || linked) && html`<div class="alert" role="alert"><${Icon} name="triangle" /><span>${error || linked}</span></div>`}
    <button class="button first" type="submit" disabled=${busy}>${busy ? "Signing in…" : "Sign in"}</button>
  </form>`;
}
