// Logging in. Where it leads then, `main` decides.
import { html, useEffect } from "../lib/html.js";
import { SignIn } from "../components/sign-in.js";

export default function Login() {
  useEffect(() => {
    document.title = "Sign in · Farebox";
  }, []);
  return html`<main class="alone" id="main"><div class="card">
    <h1 class="brand"><img src=${new URL("../icon.svg", import.meta.url).pathname} alt="" />Farebox</h1>
    <${SignIn} />
  </div></main>`;
}
