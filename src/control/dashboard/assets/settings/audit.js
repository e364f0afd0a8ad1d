// The audit log: who changed what, and what stood there before.
import { html, useState } from "../lib/html.js";
import { all } from "../lib/api.js";
import { save } from "../lib/files.js";
import { count, csv } from "../lib/format.js";
import { useList } from "../lib/lists.js";
import { Link, ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { absolute } from "../lib/time.js";
import { failed } from "../lib/toasts.js";
import { Ago } from "../components/ago.js";
import { Copy } from "../components/copy.js";
import { Dialog } from "../components/dialog.js";
import { Pick, Typed } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { Search } from "../components/search.js";
import { Bones, Fault, Nothing } from "../components/state.js";
import { Table } from "../components/table.js";

const SINCE = [["", "Any time"], ["1h", "Last hour"], ["24h", "Last day"], ["7d", "Last 7 days"], ["30d", "Last 30 days"]];
const ACTIONS = [["", "Every action"], ["user.", "Users"], ["key.", "Keys"], ["workspace.", "Workspaces"], ["credential.", "Credentials"], ["token.", "Admin tokens"], ["alert_channel.", "Alert channels"], ["alert_rule.", "Alert rules"], ["config.", "Configuration"]];
// A kind, a colon, an id.
const LONGEST = 80;
// A file has no more lines.
const MOST = 50_000;

export function Audit() {
  const { query } = useStore(place);
  const asked = Object.fromEntries(["account", "action", "actor", "since"].map((name) => [name, query.get(name) || ""]));
  const list = useList("/api/v1/audit", asked);
  const [shown, show] = useState(null);
  const filtered = Object.values(asked).some(Boolean);
  // An address may hold an action of its own: user.create.
  const actions = ACTIONS.some(([of]) => of === asked.action) ? ACTIONS : [...ACTIONS, [asked.action, asked.action]];
  return html`
    <div class="filters">
      <${Search} longest=${LONGEST} label="Account, such as user:alice" value=${asked.account} set=${(account) => ask({ account: account.trim() })} />
      <${Pick} label="Action" value=${asked.action} set=${(action) => ask({ action })} options=${actions} />
      <${Typed} label="By whom" value=${asked.actor} set=${(actor) => ask({ actor })} />
      <${Pick} label="Since" value=${asked.since} set=${(since) => ask({ since })} options=${SINCE} />
      <button class="button" type="button" onClick=${() => download(asked)}><${Icon} name="download" />CSV</button>
    </div>
    <${Fault} error=${list.error} again=${list.again} />
    <section class="card">
      ${list.rows === null ? !list.error && html`<${Bones} rows=${10} />`
        : list.rows.length === 0 && !list.more ? html`<${Nothing} icon="list" title=${filtered ? "No change is like that" : "Nothing was changed yet"} text=${filtered ? "Accounts and names must be whole: user:alice." : "Every change stands here, with what was there before, for 400 days."} />`
        : html`<${Table} label="Audit log" columns=${columnsOf(show)} rows=${list.rows} keyOf=${(one) => one.id} open=${show} more=${list.more} busy=${list.loading} />
          <div class="table-foot"><span>${count(list.rows.length)} ${list.rows.length === 1 ? "change" : "changes"}${list.more ? " so far, more below" : ""}</span></div>`}
    </section>
    ${shown && html`<${Detail} one=${shown} close=${() => show(null)} />`}`;
}

// [field, before, after] of what differs. A reading of the whole stands for what is no object.
function differences({ before, after }) {
  const plain = (value) => value === null || typeof value !== "object" || Array.isArray(value);
  if (plain(before) && plain(after)) return before === null && after === null ? [] : [["value", before, after]];
  const names = [...new Set([...Object.keys(before || {}), ...Object.keys(after || {})])];
  return names.map((name) => [name, before?.[name], after?.[name]]);
}

function columnsOf(show) {
  return [
    { id: "time", title: "When", cell: (one) => html`<button class="button bare tiny" type="button" data-row onClick=${() => show(one)}><span class="unseen">${one.action} of ${one.account}, </span><${Ago} at=${one.time} /></button>` },
    { id: "action", title: "Action", cell: (one) => html`<code>${one.action}</code>` },
    { id: "account", title: "What", class: "w-name", cell: (one) => html`<div class="clip" title=${one.account}><${Account} name=${one.account} /></div>` },
    { id: "change", title: "Change", far: true, class: "w-change", cell: (one) => html`<div class="clip muted">${summary(one)}</div>` },
    { id: "actor", title: "By", far: true, class: "w-name", cell: (one) => html`<div class="clip"><bdi>${one.actor}</bdi></div>` },
    { id: "source", title: "From", far: true, later: true, cell: (one) => html`<span class="muted">${one.source}</span>` },
  ];
}

const Account = ({ name }) => (name.startsWith("user:") ? html`<${Link} to=${`/users/${encodeURIComponent(name.slice(5))}`}>${name}<//>` : name);

// What says most of something that was made or is gone.
const TELLING = ["name", "user", "workspace", "scopes", "limits", "kind", "type"];

// One change as it is, of several their names.
function summary(one) {
  const found = differences(one).filter(([name]) => name !== "used");
  if (one.before === null || one.after === null) {
    const whole = one.after ?? one.before;
    const telling = TELLING.filter((name) => text(whole?.[name]) !== "–").map((name) => `${name}: ${text(whole[name])}`);
    return telling.join(", ") || found.map(([name, before, after]) => `${name.replaceAll("_", " ")}: ${text(after ?? before)}`).join(", ") || "–";
  }
  if (found.length === 1) return `${found[0][0].replaceAll("_", " ")}: ${text(found[0][1])} → ${text(found[0][2])}`;
  return found.map(([name]) => name.replaceAll("_", " ")).join(", ") || "–";
}

function text(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (Array.isArray(value)) return value.length ? value.map(text).join(", ") : "none";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function Detail({ one, close }) {
  const found = differences(one);
  const made = one.before === null;
  const gone = one.after === null;
  return html`<${Dialog} title=${one.action} close=${close} panel><div class="stack">
    <dl class="facts">
      <dt>What</dt><dd class="break"><${Account} name=${one.account} /></dd>
      <dt>When</dt><dd>${absolute(one.time)}</dd>
      <dt>By</dt><dd class="break"><bdi>${one.actor}</bdi></dd>
      <dt>From</dt><dd>${one.source}</dd>
    </dl>
    <section><h3>${made ? "How it was made" : gone ? "What stood there" : "Before and after"}</h3>
      ${found.length === 0 ? html`<p class="muted">Nothing that is kept here was changed.</p>` : html`<ul class="diff">${found.map(([name, before, after]) => html`<li key=${name}>
        <span class="muted small">${name.replaceAll("_", " ")}</span>
        ${!made && html`<${Value} sign="−" word="before" value=${before} />`}
        ${!gone && html`<${Value} sign="+" word="after" value=${after} />`}
      </li>`)}</ul>`}
    </section>
    ${one.request_id && html`<section><h3>Request</h3><div class="command"><code tabindex="0">${one.request_id}</code><${Copy} text=${one.request_id} /></div></section>`}
  </div><//>`;
}

const Value = ({ sign, word, value }) => html`<div class="value ${word}"><span aria-hidden="true">${sign}</span><span class="unseen">${word}:</span><span class="break">${value === null || value === undefined || value === "" ? "not set" : text(value)}</span></div>`;

async function download(asked) {
  try {
    const found = await all("/api/v1/audit", asked, MOST);
    const names = ["id", "time", "actor", "action", "account", "before", "after", "source", "request_id"];
    const cell = (value) => (value !== null && typeof value === "object" ? JSON.stringify(value) : value);
    save("audit.csv", "text/csv", csv([names, ...found.map((one) => names.map((name) => cell(one[name])))]));
  } catch (why) {
    failed("The log could not be saved", why);
  }
}
