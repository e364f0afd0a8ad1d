// What one chose for oneself, and what the token that one signed in with may do.
import { html } from "../lib/html.js";
import { login } from "../lib/api.js";
import { theme, toastsWanted } from "../lib/choices.js";
import { useStore } from "../lib/store.js";
import { absolute } from "../lib/time.js";
import { Workspace } from "../components/badge.js";
import { Field } from "../components/field.js";
import { Card } from "../components/state.js";

export function Own() {
  const session = useStore(login);
  const shade = useStore(theme);
  const toasts = useStore(toastsWanted);
  return html`<div class="halves">
    <${Card} id="browser" title="How it looks"><div class="body form">
      <${Field} label="Theme" value=${shade} set=${(to) => theme.set(to)} options=${[["system", "As the system"], ["light", "Light"], ["dark", "Dark"]]} />
      <label class="row"><input type="checkbox" checked=${toasts === "on"} onChange=${(event) => toastsWanted.set(event.target.checked ? "on" : "off")} />Show new alerts as toasts</label>
    </div><//>
    <${Card} id="session" title="Who you are"><div class="body"><dl class="facts">
      <dt>Token</dt><dd class="break">${session?.name || "–"}</dd>
      <dt>Sees</dt><dd>${session?.workspace ? html`<${Workspace} id=${session.workspace} />` : "all workspaces"}</dd>
      <dt>Login ends</dt><dd>${session?.expires_at ? absolute(session.expires_at) : "never"}</dd>
      <dt>Scopes</dt><dd class="row">${(session?.scopes || []).map((scope) => html`<code key=${scope}>${scope}</code>`)}</dd>
    </dl></div><//>
  </div>`;
}
