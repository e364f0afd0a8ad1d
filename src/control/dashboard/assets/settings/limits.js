// Limits of any account by its full name: users, keys, workspaces and credentials of providers.
import { html, useState } from "../lib/html.js";
import { getTagged, may } from "../lib/api.js";
import { Link, ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { useAsked } from "../lib/use.js";
import { Icon } from "../components/icon.js";
import { Bump, Limits, Reset, SetLimits } from "../components/limits.js";
import { Search } from "../components/search.js";
import { Bones, Fault, Nothing } from "../components/state.js";

// A kind, a colon, an id.
const LONGEST = 80;
const WHOSE = "user:alice, key:ID, workspace:eng or credential:openai-main";

export function OfAccount() {
  const { query } = useStore(place);
  const account = query.get("account") || "";
  return html`<div class="filters"><${Search} longest=${LONGEST} label="Account, such as user:alice" value=${account} set=${(to) => ask({ account: to.trim() })} /></div>
    ${account ? html`<${Of} key=${account} account=${account} />` : html`<section class="card"><${Nothing} icon="gear" title="Whose limits?" text=${`Name an account: ${WHOSE}. A user without limits of its own follows [defaults.user] of the configuration. A call must fit the limits of its key, its user, its workspace and the credential that serves it.`} command="farebox limits show user:alice" /></section>`}`;
}

function Of({ account }) {
  const asked = useAsked((signal) => getTagged(`/api/v1/limits/${encodeURIComponent(account)}`, { signal }), account);
  const [open, show] = useState(null);
  const close = () => show(null);
  if (asked.error?.status === 404) return html`<section class="card"><${Nothing} icon="search" title="There is no such account" text=${`${asked.error.message}. Accounts are ${WHOSE}.`} /></section>`;
  if (!asked.value) return html`<section class="card">${asked.error ? html`<div class="body"><${Fault} error=${asked.error} again=${asked.again} /></div>` : html`<${Bones} rows=${4} />`}</section>`;
  const { value: one, tag } = asked.value;
  const button = (text, icon, what, danger = "") => html`<button class="button tiny ${danger}" type="button" onClick=${() => show(what)}><${Icon} name=${icon} size=${14} />${text}</button>`;
  return html`<section class="card" aria-labelledby="of-account">
      <div class="title"><h2 id="of-account" class="break">${one.account.startsWith("user:") ? html`<${Link} to=${`/users/${encodeURIComponent(one.account.slice(5))}`}>${one.account}<//>` : one.account}</h2></div>
      <div class="body stack">
        <div class="row">${may("limits:write") && button("Set limits", "gear", "set")}${may("limits:write") && one.limits.length > 0 && button("Raise", "up", "bump")}${may("budget:reset") && one.limits.length > 0 && button("Reset", "refresh", "reset", "danger")}</div>
        ${one.limits.length ? html`<${Limits} limits=${one.limits} ended=${asked.again} />` : html`<p class="muted">No limit of its own.</p>`}
      </div>
    </section>
    ${open === "set" && html`<${SetLimits} account=${account} limits=${one.limits} tag=${tag} close=${close} done=${asked.again} />`}
    ${open === "bump" && html`<${Bump} accounts=${[account]} close=${close} done=${asked.again} />`}
    ${open === "reset" && html`<${Reset} account=${account} close=${close} done=${asked.again} />`}`;
}
