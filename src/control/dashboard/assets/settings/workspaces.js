// Workspaces: how much of their limits is used, and making, changing and deleting them.
import { html, useMemo, useState } from "../lib/html.js";
import { all, login, may, patch, post, remove } from "../lib/api.js";
import { count, exactUsd, usd } from "../lib/format.js";
import { Link } from "../lib/router.js";
import { said } from "../lib/toasts.js";
import { useAsked } from "../lib/use.js";
import { Ago } from "../components/ago.js";
import { Badge, Workspace } from "../components/badge.js";
import { ChangedMeanwhile, opened, useOpened } from "../components/changed-meanwhile.js";
import { Confirm, FormDialog } from "../components/dialog.js";
import { Field } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { GRAMMAR, SetLimits, linesOf } from "../components/limits.js";
import { Meter } from "../components/meter.js";
import { Card } from "../components/state.js";
import { Table } from "../components/table.js";

const MOST = 1000;
// Users are counted by asking for them; with more, their column is not shown.
const MOST_USERS = 2000;
const FIRST = "default";
const HOW = [["", "As the configuration says"], ["strict", "Strict: holds the most that a call can cost"], ["balanced", "Balanced: holds what it is expected to cost"], ["postpaid", "Postpaid: holds nothing, refuses when a limit is reached"], ["observe", "Observe: refuses nothing, alerts only"]];
const place = (one) => `/api/v1/workspaces/${encodeURIComponent(one.id)}`;

export function Workspaces() {
  const list = useAsked((signal) => all("/api/v1/workspaces", {}, MOST, signal), "workspaces");
  const users = useAsked((signal) => (may("users:read") ? usersOf(signal) : null), "users");
  const [open, show] = useState(null);
  const everywhere = !login.get()?.workspace;
  const columns = useMemo(() => columnsOf({ users: users.value, show, deletes: may("workspaces:write") && everywhere }), [users.value, everywhere]);
  const close = () => show(null);
  const again = () => [list, users].forEach((asked) => asked.again());
  return html`<${Card} id="workspaces" title="Workspaces" asked=${list} rows=${4} actions=${may("workspaces:write") && everywhere && html`<button class="button tiny" type="button" onClick=${() => show({ create: true })}><${Icon} name="plus" size=${14} />Create workspace</button>`}>
      ${(found) => html`<${Table} label="Workspaces" columns=${columns} rows=${found} keyOf=${(one) => one.id} />
        <div class="table-foot"><span>${count(found.length)} ${found.length === 1 ? "workspace" : "workspaces"}${found.length >= MOST ? ", the first of more" : ""}</span><span>A limit of a workspace is for all in it together.</span></div>`}
    <//>
    ${open?.create && html`<${Create} close=${close} done=${again} />`}
    ${open?.edit && html`<${Edit} one=${open.edit} tag=${open.tag} close=${close} done=${again} />`}
    ${open?.limits && html`<${SetLimits} account=${`workspace:${open.limits.id}`} limits=${open.limits.limits} tag=${open.tag} close=${close} done=${again} />`}
    ${open?.drop && html`<${Confirm} title=${`Delete ${open.drop.id}?`} text="Only a workspace without users can be deleted. Admin tokens that are limited to it end. What was spent stays in the history. There is no archive; to stop all calls, set the limit 0usd/month." action="Delete" typed=${open.drop.id} close=${close} send=${async () => { await remove(place(open.drop)); said(`Workspace ${open.drop.id} is deleted`); close(); again(); }} />`}`;
}

// How many users each workspace has; null where there are too many to count here.
async function usersOf(signal) {
  const found = await all("/api/v1/users", {}, MOST_USERS, signal);
  if (found.length >= MOST_USERS) return null;
  const counts = new Map();
  for (const { workspace } of found) counts.set(workspace, (counts.get(workspace) || 0) + 1);
  return counts;
}

function columnsOf({ users, show, deletes }) {
  const acts = {
    id: "acts",
    title: "Actions",
    hidden: true,
    end: true,
    cell: (one) => html`<span class="acts">
      ${may("workspaces:write") && html`<button class="button tiny" type="button" aria-label=${`Edit ${one.id}`} onClick=${() => opened(place(one), one.id, (edit, tag) => show({ edit, tag }))}><${Icon} name="edit" size=${14} />Edit</button>`}
      ${may("limits:write") && html`<button class="button tiny" type="button" aria-label=${`Set limits of ${one.id}`} onClick=${() => opened(place(one), one.id, (limits, tag) => show({ limits, tag }))}>Limits</button>`}
      ${deletes && one.id !== FIRST && html`<button class="button tiny danger" type="button" aria-label=${`Delete ${one.id}`} onClick=${() => show({ drop: one })}><${Icon} name="trash" size=${14} /></button>`}
    </span>`,
  };
  return [
    { id: "name", title: "Workspace", class: "w-name", cell: (one) => html`<div class="clip main"><${Workspace} id=${one.id} /></div>${one.name && one.name !== one.id && html`<div class="under clip" title=${one.name}><bdi>${one.name}</bdi></div>`}` },
    { id: "status", title: "Status", far: true, cell: (one) => html`<${Badge} status=${one.status} />` },
    { id: "quota", title: "Most used limit", slim: "Quota", class: "w-meter", cell: (one) => html`<${Fullest} one=${one} />` },
    { id: "spent", title: "Spent ever", slim: "Spent", end: true, cell: (one) => html`<span title=${exactUsd(one.spent_usd)}>${usd(one.spent_usd)}</span>` },
    ...(users ? [{ id: "users", title: "Users", end: true, far: true, cell: (one) => html`<${Link} to=${`/users?workspace=${encodeURIComponent(one.id)}`}>${count(users.get(one.id) || 0)}<//>` }] : []),
    { id: "alerts", title: "Alerts at", far: true, later: true, cell: (one) => html`<span class="muted still">${one.thresholds.map((at) => `${at}%`).join(", ")}</span>` },
    { id: "seen", title: "Last seen", end: true, far: true, later: true, cell: (one) => html`<span class="muted"><${Ago} at=${one.last_seen} /></span>` },
    acts,
  ];
}

// The limit of which most is used; the others are named in the title.
function Fullest({ one }) {
  if (!one.limits.length) return html`<${Meter} value=${null} />`;
  const fullest = one.limits.reduce((a, b) => (b.usage_percent > a.usage_percent ? b : a));
  return html`<${Meter} value=${fullest.usage_percent} used=${fullest.used} limit=${fullest.limit} meter=${fullest.meter} status=${one.status} label=${`${fullest.text} of ${one.id}`} />
    <div class="under clip" title=${one.limits.map(({ text }) => text).join(", ")}>${fullest.text}${one.limits.length > 1 ? ` and ${one.limits.length - 1} more` : ""}</div>`;
}

function Create({ close, done }) {
  const [id, set] = useState("");
  const [name, call] = useState("");
  const [limits, limit] = useState("");
  const send = async () => {
    const asked = { id: id.trim() };
    if (name.trim()) asked.name = name.trim();
    if (linesOf(limits).length) asked.limits = linesOf(limits);
    await post("/api/v1/workspaces", asked);
    said(`Workspace ${asked.id} is created`);
    close();
    done();
  };
  return html`<${FormDialog} title="Create a workspace" close=${close} send=${send} action="Create workspace" fields=${["id", "name"]}>
    ${(error) => html`<${Field} label="Workspace" value=${id} set=${set} fault=${error?.fields.get("id")} hint="Letters, digits, . _ and -. It cannot be changed later." autofocus maxlength="64" />
      <${Field} label="Name" value=${name} set=${call} fault=${error?.fields.get("name")} hint="For people; empty: the same." />
      <${Field} label="Limits" value=${limits} set=${limit} rows=${2} hint=${`${GRAMMAR} For all in it together; empty: none.`} />`}
  <//>`;
}

function Edit({ one, tag, close, done }) {
  const [, sent] = useOpened(place(one), one, tag);
  const before = one.thresholds.join(", ");
  const [name, call] = useState(one.name);
  const [thresholds, warn] = useState(before);
  const [how, enforce] = useState(one.enforcement);
  const send = async () => {
    const changes = {};
    if (name.trim() !== one.name) changes.name = name.trim();
    if (thresholds !== before) changes.thresholds = thresholds.trim() ? thresholds.split(/[\s,%]+/).filter(Boolean).map(Number) : null;
    if (how !== one.enforcement) changes.enforcement = how || null;
    await sent((options) => patch(place(one), changes, options));
    said(`Workspace ${one.id} is changed`);
    close();
    done();
  };
  return html`<${FormDialog} title=${`Edit ${one.id}`} close=${close} send=${send} action="Save" fields=${["name", "thresholds", "enforcement"]}>
    ${(error) => html`
      <${Field} label="Name" value=${name} set=${call} fault=${error?.fields.get("name")} autofocus />
      <${Field} label="Alerts at, per cent" value=${thresholds} set=${warn} fault=${error?.fields.get("thresholds")} hint="80, 90, 100. Empty: the defaults." />
      <${Field} label="Enforcement" value=${how} set=${enforce} fault=${error?.fields.get("enforcement")} options=${HOW} />
      <${ChangedMeanwhile} error=${error} />`}
  <//>`;
}
