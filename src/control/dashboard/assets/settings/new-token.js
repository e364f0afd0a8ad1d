// The dialog that makes an admin token: a role, or scopes of one's own choice. Nobody grants more
// than he has, so the rest cannot be chosen.
import { html, useState } from "../lib/html.js";
import { all, login, may, post } from "../lib/api.js";
import { RESOURCES, ROLES, roleOf } from "../lib/scopes.js";
import { useAsked } from "../lib/use.js";
import { Copy } from "../components/copy.js";
import { Dialog, FormDialog } from "../components/dialog.js";
import { Field } from "../components/field.js";

const MOST = 1000;
const FIRST = ROLES[0];

// Shows the text of a token; it is nowhere afterwards.
export function TokenText({ made, close }) {
  return html`<${Dialog} title="Copy this token now" close=${close} closable=${false}><div class="stack">
    <p>It is shown this once.</p>
    <div class="secret"><code>${made.token}</code><${Copy} text=${made.token} /></div>
    <p class="small muted">People sign in with it here; programs send it as <code>Authorization: Bearer</code>.</p>
    <div class="ends"><button class="button first" type="button" onClick=${close}>I have it</button></div>
  </div><//>`;
}

export function CreateToken({ close, done }) {
  const own = login.get()?.workspace;
  const listed = useAsked((signal) => (may("workspaces:read") && !own ? all("/api/v1/workspaces", {}, MOST, signal) : []), "workspaces");
  const [made, keep] = useState(null);
  const [name, call] = useState("");
  const [scopes, grant] = useState(new Set(FIRST[2].filter(may)));
  const [workspace, limit] = useState(own || "");
  const [expires, end] = useState("");
  const finish = () => {
    close();
    done();
  };
  if (made) return html`<${TokenText} made=${made} close=${finish} />`;
  const send = async () => {
    const asked = { name: name.trim(), scopes: [...scopes] };
    if (workspace) asked.workspace = workspace;
    if (expires.trim()) asked.expires_in = expires.trim();
    keep(await post("/api/v1/admin-tokens", asked));
  };
  const workspaces = own ? [[own, own]] : [["", "All workspaces"], ...(listed.value || []).map(({ id }) => [id, id])];
  return html`<${FormDialog} title="Create an admin token" close=${close} send=${send} action="Create token" fields=${["name", "workspace", "expires_in"]} disabled=${scopes.size === 0}>
    ${(error) => html`<${Field} label="Name" value=${name} set=${call} fault=${error?.fields.get("name")} hint="Who or what uses it; it stands in the audit log." autofocus maxlength="64" />
      <${Scopes} chosen=${scopes} choose=${grant} />
      <${Field} label="Workspace" value=${workspace} set=${limit} fault=${error?.fields.get("workspace")} options=${workspaces} hint="It sees and changes nothing of another one." />
      <${Field} label="Expires in" value=${expires} set=${end} fault=${error?.fields.get("expires_in")} hint="90d. Empty: never." />`}
  <//>`;
}

function Scopes({ chosen, choose }) {
  const role = roleOf([...chosen]) || "";
  const roles = ROLES.filter(([, , scopes]) => scopes.every(may));
  const all = chosen.has("admin");
  const take = (wanted) => {
    const [, , scopes] = ROLES.find(([one]) => one === wanted) || [];
    if (scopes) choose(new Set(scopes));
  };
  const turn = (scope) => {
    const next = new Set(chosen);
    if (!next.delete(scope)) next.add(scope);
    choose(next);
  };
  const box = (scope, label) => html`<label class="row"><input type="checkbox" checked=${all || chosen.has(scope)} disabled=${(all && scope !== "admin") || !may(scope)} aria-label=${scope} onChange=${() => turn(scope)} />${label}</label>`;
  const what = roles.find(([one]) => one === role)?.[1];
  return html`<${Field} label="Role" value=${role} set=${take} options=${[["", "Chosen below"], ...roles.map(([one]) => [one, one])]} hint=${what ? `${role}: ${what}.` : `${chosen.size} of the scopes below.`} />
    <fieldset class="scopes">
      <legend>Scopes</legend>
      ${RESOURCES.map(([resource, writes]) => html`<div key=${resource} class="scope"><span>${resource}</span>${box(`${resource}:read`, "read")}${writes ? box(`${resource}:write`, "write") : html`<span></span>`}</div>`)}
      <div class="scope"><span>budget</span>${box("budget:reset", "reset")}<span></span></div>
      <div class="scope"><span>everything</span>${box("admin", "admin")}<span></span></div>
    </fieldset>`;
}
