// Settings: workspaces, admin tokens, prices, health, the audit log, and one's own preferences.
import { html, useState } from "../lib/html.js";
import { all, get, login, may, post, remove } from "../lib/api.js";
import { theme, toastsWanted } from "../lib/choices.js";
import { count, usd } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { absolute, ago } from "../lib/time.js";
import { failed, said } from "../lib/toasts.js";
import { useAsked } from "../lib/use.js";
import { Badge, Workspace } from "../components/badge.js";
import { Copy } from "../components/copy.js";
import { Confirm, Dialog, FormDialog } from "../components/dialog.js";
import { Field } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { GRAMMAR, SetLimits, linesOf } from "../components/limits.js";
import { Head } from "../components/shell.js";
import { Card, Nothing } from "../components/state.js";

const data = (path) => async (signal) => (await get(path, { signal })).data;

export default function Settings() {
  const session = useStore(login);
  const everywhere = !session?.workspace;
  return html`
    <${Head} title="Settings" sub=${`Signed in as ${session?.name || "…"}${session?.expires_at ? `, until ${absolute(session.expires_at)}` : ""}`} />
    <div class="stack">
      <div class="halves">
        <${Own} />
        ${may("config:write") && everywhere && html`<${Configuration} />`}
        ${may("pricing:read") && html`<${Prices} />`}
        ${may("ledger:read") && everywhere && html`<${Soundness} />`}
      </div>
      ${may("workspaces:read") && html`<${Workspaces} makes=${may("workspaces:write") && everywhere} />`}
      ${may("tokens:read") && html`<${Tokens} makes=${may("tokens:write")} />`}
      ${may("audit:read") && html`<${Audit} />`}
    </div>`;
}

function Own() {
  const shade = useStore(theme);
  const toasts = useStore(toastsWanted);
  return html`<${Card} id="browser" title="For you"><div class="body form">
    <${Field} label="Theme" value=${shade} set=${(to) => theme.set(to)} options=${[["system", "As the system"], ["light", "Light"], ["dark", "Dark"]]} />
    <label class="row"><input type="checkbox" checked=${toasts === "on"} onChange=${(event) => toastsWanted.set(event.target.checked ? "on" : "off")} />Show new alerts as toasts</label>
  </div><//>`;
}

function Configuration() {
  const [told, tell] = useState(null);
  const reload = async () => {
    try {
      tell(await post("/api/v1/config/reload"));
    } catch (why) {
      failed("The configuration was not reloaded", why);
    }
  };
  return html`<${Card} id="config" title="Configuration"><div class="body stack">
    <p>Reads the file again. Calls in flight go on as they began.</p>
    <div class="row"><button class="button" type="button" onClick=${reload}><${Icon} name="refresh" />Reload configuration</button></div>
    ${told && html`<p role="status">${told.changed.length ? `Changed: ${told.changed.join(", ")}.` : "Nothing has changed."}${told.ignored?.length ? ` Needs a restart: ${told.ignored.join(", ")}.` : ""}</p>`}
  </div><//>`;
}

function Prices() {
  const prices = useAsked((signal) => get("/api/v1/pricing", { signal }), "prices");
  return html`<${Card} id="prices" title="Prices" asked=${prices} rows=${3}>${(one) => html`<div class="body"><dl class="facts">
    <dt>Version</dt><dd><code>${one.price_version}</code></dd><dt>From</dt><dd class="break">${one.source}</dd><dt>Since</dt><dd>${absolute(one.since)}</dd><dt>Models</dt><dd class="figures">${count(one.models)}</dd>
  </dl></div>`}<//>`;
}

function Soundness() {
  const ledger = useAsked((signal) => get("/api/v1/ledger", { signal }), "ledger");
  const [found, tell] = useState(null);
  const [busy, work] = useState(false);
  const verify = async () => {
    work(true);
    try {
      tell(await get("/api/v1/ledger/verify"));
    } catch (why) {
      failed("The ledger could not be checked", why);
    }
    work(false);
  };
  return html`<${Card} id="ledger" title="Ledger" asked=${ledger} rows=${3}>${(one) => html`<div class="body stack">
    <p>Days begin at midnight in ${one.timezone}.</p>
    <div class="row"><button class="button" type="button" disabled=${busy} onClick=${verify}><${Icon} name="check" />${busy ? "Checking…" : "Verify the ledger"}</button></div>
    ${found && html`<div role="status">${found.ok ? html`<p>${count(found.checked)} checked, all sound.</p>` : html`<ul class="alert">${found.violations.map((line) => html`<li key=${line}>${line}</li>`)}</ul>`}</div>`}
  </div>`}<//>`;
}

function Workspaces({ makes }) {
  const list = useAsked((signal) => all("/api/v1/workspaces", {}, 1000, signal), "workspaces");
  const [open, show] = useState(null);
  const close = () => show(null);
  return html`<${Card} id="workspaces" title="Workspaces" asked=${list} rows=${3} actions=${makes && html`<button class="button tiny" type="button" onClick=${() => show("create")}><${Icon} name="plus" size=${14} />Create workspace</button>`}>
      ${(found) => html`<ul class="list">${found.map((one) => html`<li key=${one.id} class="row"><span class="strong"><${Workspace} id=${one.id} /></span><${Badge} status=${one.status} /><span class="muted small">${one.limits.length ? one.limits.map((limit) => limit.text).join(", ") : "no limit"}</span><span style=${{ flex: 1 }}></span><span class="figures">${usd(one.spent_usd)} spent</span>${may("limits:write") && html`<button class="button tiny" type="button" aria-label=${`Set limits of ${one.id}`} onClick=${() => show(one)}>Set limits</button>`}</li>`)}</ul>`}
    <//>
    ${open === "create" && html`<${CreateWorkspace} close=${close} done=${list.again} />`}
    ${open?.id && html`<${SetLimits} account=${`workspace:${open.id}`} limits=${open.limits} close=${close} done=${list.again} />`}`;
}

function CreateWorkspace({ close, done }) {
  const [id, set] = useState("");
  const [limits, limit] = useState("");
  const send = async () => {
    const asked = { id: id.trim() };
    if (linesOf(limits).length) asked.limits = linesOf(limits);
    await post("/api/v1/workspaces", asked);
    said(`Workspace ${asked.id} is created`);
    close();
    done();
  };
  return html`<${FormDialog} title="Create a workspace" close=${close} send=${send} action="Create workspace" fields=${["id"]}>
    ${(error) => html`<${Field} label="Workspace" value=${id} set=${set} fault=${error?.fields.get("id")} autofocus maxlength="64" />
      <${Field} label="Limits" value=${limits} set=${limit} rows=${2} hint=${`${GRAMMAR} For all in it together; empty: none.`} />`}
  <//>`;
}

function Tokens({ makes }) {
  const list = useAsked(data("/api/v1/admin-tokens"), "tokens");
  const [open, show] = useState(null);
  const close = () => show(null);
  return html`<${Card} id="tokens" title="Admin tokens" asked=${list} rows=${2} actions=${makes && html`<button class="button tiny" type="button" onClick=${() => show("create")}><${Icon} name="plus" size=${14} />Create token</button>`} empty=${(found) => found.length === 0 && html`<${Nothing} icon="key" title="Only the configured token" text="Give people and programs tokens of their own, with no more rights than they need." />`}>
      ${(found) => html`<ul class="list">${found.map((one) => html`<li key=${one.id} class="row"><span class="strong break">${one.name}</span><${Badge} status=${one.status} /><code class="break">${one.scopes.join(" ")}</code>${one.workspace && html`<${Workspace} id=${one.workspace} />`}<span class="muted small">${one.expires_at ? `expires ${ago(one.expires_at)}` : "never expires"}</span><span style=${{ flex: 1 }}></span>${makes && html`<button class="button tiny danger" type="button" onClick=${() => show({ drop: one })}>Delete</button>`}</li>`)}</ul>`}
    <//>
    ${open === "create" && html`<${CreateToken} close=${close} done=${list.again} />`}
    ${open?.drop && html`<${Confirm} title=${`Delete the token ${open.drop.name}?`} text="Whoever uses it is shut out within a second." action="Delete" close=${close} send=${async () => { await remove(`/api/v1/admin-tokens/${open.drop.id}`); close(); list.again(); }} />`}`;
}

function CreateToken({ close, done }) {
  const [made, keep] = useState(null);
  const [name, call] = useState("");
  const [scopes, grant] = useState("users:read usage:read");
  const [workspace, limit] = useState("");
  const finish = () => {
    close();
    done();
  };
  if (made) {
    return html`<${Dialog} title="Copy this token now" close=${finish} closable=${false}><div class="stack"><p>It is shown this once.</p><div class="secret"><code>${made.token}</code><${Copy} text=${made.token} /></div><div class="ends"><button class="button first" type="button" onClick=${finish}>I have it</button></div></div><//>`;
  }
  const send = async () => keep(await post("/api/v1/admin-tokens", { name: name.trim(), scopes: scopes.split(/[\s,]+/).filter(Boolean), ...(workspace.trim() ? { workspace: workspace.trim() } : {}) }));
  return html`<${FormDialog} title="Create an admin token" close=${close} send=${send} action="Create token" fields=${["name", "scopes", "workspace"]}>
    ${(error) => html`<${Field} label="Name" value=${name} set=${call} fault=${error?.fields.get("name")} autofocus />
      <${Field} label="Scopes" value=${scopes} set=${grant} fault=${error?.fields.get("scopes")} hint="users:read, keys:write, budget:reset, admin…" />
      <${Field} label="Workspace" value=${workspace} set=${limit} fault=${error?.fields.get("workspace")} hint="Empty: all." />`}
  <//>`;
}

function Audit() {
  const list = useAsked(data("/api/v1/audit?limit=30"), "audit");
  return html`<${Card} id="audit" title="Audit log" asked=${list} rows=${5} empty=${(found) => found.length === 0 && html`<${Nothing} icon="list" title="Nothing was changed yet" />`}>
    ${(found) => html`<ul class="list">${found.map((one) => html`<li key=${one.id} class="row"><code>${one.action}</code><span class="break">${one.account}</span><span class="muted small">by ${one.actor}, ${one.source}</span><span style=${{ flex: 1 }}></span><span class="muted small" title=${absolute(one.time)}>${ago(one.time)}</span></li>`)}</ul>`}
  <//>`;
}
