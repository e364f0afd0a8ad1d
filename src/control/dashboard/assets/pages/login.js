// Logging in; then the page that was asked for.
import { html, useEffect } from "../lib/html.js";
import { SignIn } from "../components/sign-in.js";
import { go, own, place } from "../lib/router.js";

export default function Login() {
  useEffect(() => {
    document.title = "Sign in · Farebox";
  }, []);
  const done = () => go(own(place.get().query.get("next") || "/"), { replace: true });
  return html`<main class="alone" id="main"><div class="card">
    <h1 class="brand"><img src=${new URL("../icon.svg", import.meta.url).pathname} alt="" />Farebox</h1>
    <${SignIn} done=${done} />
  </div></main>`;
}
