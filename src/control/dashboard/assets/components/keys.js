// Keys: their table, and making, rotating and revoking them. The text of a key is shown once.
import { html, useState } from "../lib/html.js";
import { may, post, remove } from "../lib/api.js";
import { usd } from "../lib/format.js";
import { Link } from "../lib/router.js";
import { said } from "../lib/toasts.js";
import { Ago } from "./ago.js";
import { Badge } from "./badge.js";
import { opened } from "./changed-meanwhile.js";
import { Copy } from "./copy.js";
import { Confirm, Dialog, FormDialog } from "./dialog.js";
import { EditKey, REACH } from "./edit-key.js";
import { Field } from "./field.js";
import { Icon } from "./icon.js";
import { GRAMMAR, SetLimits, linesOf } from "./limits.js";
import { Meter } from "./meter.js";
import { Table } from "./table.js";

export function KeyTable({ keys, again, more, busy, owner = true }) {
  const [open, show] = useState(null);
  const close = () => show(null);
  const writes = may("keys:write");
  const bounds = may("limits:write");
  const lives = (key) => key.status !== "revoked" && key.status !== "expired";
  const read = (key, as) => opened(`/api/v1/keys/${encodeURIComponent(key.id)}`, key.label, (one, tag) => show(as(one, tag)));
  const columns = [
    { id: "key", title: "Key", cell: (key) => html`<code data-row tabindex="-1">${key.label}</code>${owner && html`<div class="slim-only under clip w-name">${key.user}</div>`}${key.name && html`<div class="under clip w-name"><bdi>${key.name}</bdi></div>`}` },
    owner && { id: "user", title: "User", far: true, class: "w-name", cell: (key) => html`<div class="clip"><${Link} to=${`/users/${encodeURIComponent(key.user)}`}>${key.user}<//></div>` },
    { id: "status", title: "Status", cell: (key) => html`<${Badge} status=${key.status} />` },
    { id: "models", title: "Models", far: true, cell: (key) => (key.models.length ? html`<code class="clip">${key.models.join(", ")}</code>` : html`<span class="muted">all</span>`) },
    { id: "limits", title: "Limits", far: true, later: owner, cell: (key) => html`<${Own} limits=${key.limits} status=${key.status} />` },
    { id: "spent", title: "Spent", end: true, far: true, cell: (key) => html`<span title=${`$${key.spent_usd}`}>${usd(key.spent_usd)}</span>` },
    { id: "used", title: "Last used", end: true, far: true, cell: (key) => html`<span class="muted"><${Ago} at=${key.last_used} /></span>` },
    { id: "expires", title: "Expires", end: true, far: true, cell: (key) => html`<span class="muted"><${Ago} at=${key.expires_at} /></span>` },
    writes && {
      id: "acts",
      title: "Actions",
      hidden: true,
      end: true,
      cell: (key) => lives(key) && html`<span class="acts">
        <${Act} name="edit" label=${`Change ${key.label}`} act=${() => read(key, (edit, tag) => ({ edit, tag }))} />
        ${bounds && html`<${Act} name="gear" label=${`Set limits of ${key.label}`} act=${() => read(key, (limits, tag) => ({ limits, tag }))} />`}
        <${Act} name="refresh" label=${`Rotate ${key.label}`} act=${() => show({ rotate: key })} />
        <${Act} name="trash" label=${`Revoke ${key.label}`} act=${() => show({ revoke: key })} danger />
      </span>`,
    },
  ].filter(Boolean);
  return html`<${Table} label="Keys" columns=${columns} rows=${keys} keyOf=${(key) => key.id} more=${more} busy=${busy} />
    ${open?.limits && html`<${SetLimits} account=${`key:${open.limits.id}`} limits=${open.limits.limits} tag=${open.tag} close=${close} done=${again} />`}
    ${open?.edit && html`<${EditKey} one=${open.edit} tag=${open.tag} close=${close} done=${again} />`}
    ${open?.rotate && html`<${Rotate} key_=${open.rotate} close=${close} done=${again} />`}
    ${open?.revoke && html`<${Confirm} title=${`Revoke ${open.revoke.label}?`} text=${`Calls of ${open.revoke.user} with this key are refused from now on. It cannot be undone.`} action="Revoke" close=${close} send=${async () => { await remove(`/api/v1/keys/${open.revoke.id}`); said(`${open.revoke.label} is revoked`); close(); again(); }} />`}`;
}

const Act = ({ name, label, act, danger }) => html`<button class="button tiny ${danger ? "danger" : ""}" type="button" aria-label=${label} title=${label} onClick=${act}><${Icon} name=${name} size=${14} /></button>`;

// The limit of a key of which most is used; those of its user are on top of it.
function Own({ limits, status }) {
  if (!limits.length) return html`<span class="muted">the user's</span>`;
  const fullest = limits.reduce((a, b) => (b.usage_percent > a.usage_percent ? b : a));
  return html`<${Meter} value=${fullest.usage_percent} used=${fullest.used} limit=${fullest.limit} meter=${fullest.meter} status=${status} label=${fullest.text} />
    <div class="under" title=${limits.map(({ text }) => text).join(", ")}>${fullest.text}${limits.length > 1 ? ` and ${limits.length - 1} more` : ""}</div>`;
}

// Shows the text of a new key; it is nowhere afterwards.
export function Secret({ made, close }) {
  return html`<${Dialog} title="Copy this key now" close=${close} closable=${false}>
    <div class="stack">
      <p>It is shown this once. Farebox keeps only its digest.</p>
      <div class="secret"><code data-testid="secret">${made.key}</code><${Copy} text=${made.key} /></div>
      <p class="small muted">For ${made.user}. Send it as <code>Authorization: Bearer</code>, or set it as <code>OPENAI_API_KEY</code>.</p>
      <div class="ends"><button class="button first" type="button" onClick=${close}>I have it</button></div>
    </div>
  <//>`;
}

export function CreateKey({ user: given = "", close, done }) {
  const [made, keep] = useState(null);
  const [user, setUser] = useState(given);
  const [name, setName] = useState("");
  const [reach, setReach] = useState({});
  const [limits, setLimits] = useState("");
  const [expires, setExpires] = useState("");
  const finish = () => {
    close();
    done();
  };
  if (made) return html`<${Secret} made=${made} close=${finish} />`;
  const send = async () => {
    const asked = { user: user.trim() };
    if (name.trim()) asked.name = name.trim();
    for (const [field] of REACH) if (linesOf(reach[field] || "").length) asked[field] = linesOf(reach[field]);
    if (linesOf(limits).length) asked.limits = linesOf(limits);
    if (expires.trim()) asked.expires_in = expires.trim();
    keep(await post("/api/v1/keys", asked));
  };
  return html`<${FormDialog} title="Create key" close=${close} send=${send} action="Create key" fields=${["expires_in", "limits", "name", "user", ...REACH.map(([field]) => field)]}>
    ${(error) => html`
      <${Field} label="User" value=${user} set=${setUser} fault=${error?.fields.get("user")} autofocus=${!given} maxlength="64" />
      <${Field} label="Name" value=${name} set=${setName} fault=${error?.fields.get("name")} hint="Where it is used: laptop, CI." autofocus=${Boolean(given)} />
      ${REACH.map(([field, label, hint]) => html`<${Field} key=${field} label=${label} hint=${hint} value=${reach[field] || ""} set=${(value) => setReach({ ...reach, [field]: value })} fault=${error?.fields.get(field)} />`)}
      <${Field} label="Limits" value=${limits} set=${setLimits} fault=${error?.fields.get("limits")} rows=${2} hint=${`${GRAMMAR} They come on top of the user's.`} />
      <${Field} label="Expires in" value=${expires} set=${setExpires} fault=${error?.fields.get("expires_in")} hint="90d. Empty: never." />`}
  <//>`;
}

function Rotate({ key_: key, close, done }) {
  const [made, keep] = useState(null);
  const [grace, set] = useState("10m");
  const finish = () => {
    close();
    done();
  };
  if (made) return html`<${Secret} made=${made} close=${finish} />`;
  const send = async () => keep(await post(`/api/v1/keys/${key.id}/rotate`, grace.trim() ? { grace: grace.trim() } : {}));
  return html`<${FormDialog} title=${`Rotate ${key.label}`} close=${close} send=${send} action="Rotate" fields=${["grace"]}>
    ${(error) => html`<p>A new key takes its place, with the same limits.</p>
      <${Field} label="The old one works for" value=${grace} set=${set} fault=${error?.fields.get("grace")} hint="10m, 24h. Empty: it ends at once." autofocus />`}
  <//>`;
}
