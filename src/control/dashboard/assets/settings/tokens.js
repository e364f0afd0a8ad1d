// Admin tokens: who may do what here. The text of a token is shown once.
import { html, useState } from "../lib/html.js";
import { may, post, remove } from "../lib/api.js";
import { count } from "../lib/format.js";
import { useList } from "../lib/lists.js";
import { roleOf } from "../lib/scopes.js";
import { absolute } from "../lib/time.js";
import { said } from "../lib/toasts.js";
import { Ago } from "../components/ago.js";
import { Badge, Workspace } from "../components/badge.js";
import { Confirm, Dialog, FormDialog } from "../components/dialog.js";
import { Field } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { Card, Nothing } from "../components/state.js";
import { Table } from "../components/table.js";
import { CreateToken, TokenText } from "./new-token.js";

const place = (one) => `/api/v1/admin-tokens/${encodeURIComponent(one.id)}`;
const role = (one) => roleOf(one.scopes) || "Chosen scopes";

export function Tokens() {
  const list = useList("/api/v1/admin-tokens", {});
  const [open, show] = useState(null);
  const close = () => show(null);
  const writes = may("tokens:write");
  const asked = { value: list.rows, error: list.error, loading: list.loading, again: list.again };
  return html`<${Card} id="tokens" title="Admin tokens" asked=${asked} rows=${4} actions=${writes && html`<button class="button tiny" type="button" onClick=${() => show({ create: true })}><${Icon} name="plus" size=${14} />Create token</button>`} empty=${(found) => found.length === 0 && !list.more && html`<${Nothing} icon="key" title="Only the configured token" text="Give people and programs tokens of their own, with no more rights than they need." command="farebox tokens create ci --scope usage:read" />`}>
      ${(found) => html`<${Table} label="Admin tokens" columns=${columnsOf(show, writes)} rows=${found} keyOf=${(one) => one.id} open=${(one) => show({ look: one })} more=${list.more} busy=${list.loading} />
        <div class="table-foot"><span>${count(found.length)} ${found.length === 1 ? "token" : "tokens"}${list.more ? " so far, more below" : ""}</span><span>When a token was last used is not kept; what it changed is in the audit log.</span></div>`}
    <//>
    ${open?.create && html`<${CreateToken} close=${close} done=${list.again} />`}
    ${open?.look && html`<${Detail} one=${open.look} close=${close} />`}
    ${open?.rotate && html`<${Rotate} one=${open.rotate} close=${close} done=${list.again} />`}
    ${open?.drop && html`<${Confirm} title=${`Delete the token ${open.drop.name}?`} text="Whoever uses it is shut out within a second. It cannot be undone." action="Delete" typed=${open.drop.name} close=${close} send=${async () => { await remove(place(open.drop)); said(`The token ${open.drop.name} is deleted`); close(); list.again(); }} />`}`;
}

function columnsOf(show, writes) {
  return [
    { id: "name", title: "Name", class: "w-name", cell: (one) => html`<button class="button bare tiny" type="button" data-row onClick=${() => show({ look: one })} aria-label=${`Token ${one.name}`}><span class="clip w-name"><bdi>${one.name}</bdi></span></button>` },
    { id: "status", title: "Status", far: true, cell: (one) => html`<${Badge} status=${one.status} />` },
    { id: "role", title: "Role", class: "w-name", cell: (one) => html`<div class="strong">${role(one)}</div><div class="under clip" title=${one.scopes.join(" ")}>${one.scopes.join(" ")}</div>` },
    { id: "workspace", title: "Workspace", far: true, cell: (one) => (one.workspace ? html`<${Workspace} id=${one.workspace} />` : html`<span class="muted">all</span>`) },
    { id: "expires", title: "Expires", end: true, far: true, cell: (one) => html`<span class="muted"><${Ago} at=${one.expires_at} /></span>` },
    { id: "made", title: "Made", end: true, far: true, later: true, cell: (one) => html`<span class="muted"><${Ago} at=${one.created} /></span>` },
    writes && {
      id: "acts",
      title: "Actions",
      hidden: true,
      end: true,
      cell: (one) => html`<span class="acts">
        ${one.status === "active" && html`<button class="button tiny far" type="button" aria-label=${`Rotate ${one.name}`} onClick=${() => show({ rotate: one })}><${Icon} name="refresh" size=${14} />Rotate</button>`}
        <button class="button tiny danger" type="button" aria-label=${`Delete ${one.name}`} onClick=${() => show({ drop: one })}>Delete</button>
      </span>`,
    },
  ].filter(Boolean);
}

function Detail({ one, close }) {
  return html`<${Dialog} title=${one.name} close=${close} panel><div class="stack">
    <div class="row"><${Badge} status=${one.status} /><span class="strong">${role(one)}</span></div>
    <dl class="facts">
      <dt>Sees</dt><dd>${one.workspace ? html`<${Workspace} id=${one.workspace} />` : "all workspaces"}</dd>
      <dt>Made</dt><dd>${absolute(one.created)}</dd>
      <dt>By</dt><dd class="break">${one.created_by}</dd>
      <dt>Expires</dt><dd>${one.expires_at ? absolute(one.expires_at) : "never"}</dd>
      <dt>Id</dt><dd class="break"><code>${one.id}</code></dd>
    </dl>
    <section><h3>Scopes</h3><p class="row">${one.scopes.map((scope) => html`<code key=${scope}>${scope}</code>`)}</p></section>
  </div><//>`;
}

function Rotate({ one, close, done }) {
  const [made, keep] = useState(null);
  const [grace, set] = useState("10m");
  const finish = () => {
    close();
    done();
  };
  if (made) return html`<${TokenText} made=${made} close=${finish} />`;
  const send = async () => keep(await post(`${place(one)}/rotate`, grace.trim() ? { grace: grace.trim() } : {}));
  return html`<${FormDialog} title=${`Rotate ${one.name}`} close=${close} send=${send} action="Rotate" fields=${["grace"]}>
    ${(error) => html`<p>It gets a new text, with the same scopes.</p>
      <${Field} label="The old one works for" value=${grace} set=${set} fault=${error?.fields.get("grace")} hint="10m, 24h. Empty: it ends at once." autofocus />`}
  <//>`;
}
