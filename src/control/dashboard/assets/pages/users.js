// Users: who spends what, and who is close to the limit, without opening each one.
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { all, get, may, post } from "../lib/api.js";
import { count, csv, exactUsd, short, usd } from "../lib/format.js";
import { save } from "../lib/files.js";
import { useList } from "../lib/lists.js";
import { on } from "../lib/live.js";
import { Link, ask, go, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { now } from "../lib/time.js";
import { failed, said } from "../lib/toasts.js";
import { useAsked, useCalmly } from "../lib/use.js";
import { USER_STATUSES, word } from "../lib/words.js";
import { Ago } from "../components/ago.js";
import { Badge, Workspace } from "../components/badge.js";
import { Countdown } from "../components/countdown.js";
import { CreateUser } from "../components/create-user.js";
import { Pick } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { Bump } from "../components/limits.js";
import { Meter } from "../components/meter.js";
import { Search } from "../components/search.js";
import { Head } from "../components/shell.js";
import { Bones, Fault, Nothing } from "../components/state.js";
import { Table } from "../components/table.js";

const FIRST_SORT = "-utilization";
// Keys are asked for page by page; with more, their column is not shown.
const MOST_KEYS = 2000;
// Rows that move all the time are drawn only where they are seen.
const WHOLE = 50;
const AT_ONCE = 6;
const NOT_YET = new Map();
const address = (user) => `/users/${encodeURIComponent(user.id)}`;
const STATUSES = [["", "Every status"], ...USER_STATUSES.map((status) => [status, word(status).text])];

export default function Users() {
  const { query } = useStore(place);
  const asked = {
    search: query.get("search") || "",
    status: query.get("status") || "",
    workspace: query.get("workspace") || "",
    sort: query.get("sort") || FIRST_SORT,
  };
  const list = useList("/api/v1/users", asked);
  const workspaces = useAsked((signal) => (may("workspaces:read") ? all("/api/v1/workspaces", {}, 1000, signal) : []), "workspaces");
  const held = useAsked((signal) => (may("keys:read") ? keysOf(signal) : null), "keys");
  // Their column has its place before they are counted, so that nothing moves.
  const keys = held.value || (may("keys:read") && !held.at && !held.error && NOT_YET);
  const [chosen, choose] = useState(new Set());
  const [open, show] = useState(null);
  const again = useCalmly(list.again, 800);
  useEffect(() => {
    const patch = (moved) => list.change((rows) => patched(rows, moved));
    const off = [on("update", patch), on("stale", again)];
    return () => off.forEach((end) => end());
  }, [list.change, again]);
  const filtered = asked.search || asked.status || asked.workspace;
  const close = () => show(null);
  const writes = may("users:write");
  // Columns that stay the same let rows stay as they are drawn.
  const rows = useRef([]);
  rows.current = list.rows || [];
  const columns = useMemo(() => columnsOf({ rows, chosen, choose, again, selects: writes, keys }), [chosen, again, writes, keys]);
  const visit = useCallback((user) => go(address(user)), []);
  return html`
    <${Head} title="Users" sub=${html`<${Totals} />`}>
      <button class="button" type="button" onClick=${() => download(asked)}><${Icon} name="download" />CSV</button>
      ${writes && html`<button class="button first" type="button" onClick=${() => show("create")}><${Icon} name="plus" />Create user</button>`}
    <//>
    <div class="filters">
      <${Search} label="Search users" value=${asked.search} set=${(search) => ask({ search })} />
      <${Pick} label="Status" value=${asked.status} set=${(status) => ask({ status })} options=${STATUSES} />
      <${Pick} label="Workspace" value=${asked.workspace} set=${(workspace) => ask({ workspace })} options=${[["", "Every workspace"], ...(workspaces.value || []).map((one) => [one.id, one.id])]} />
      ${chosen.size > 0 && html`<${Bulk} chosen=${chosen} rows=${rows.current} choose=${choose} show=${show} again=${list.again} />`}
    </div>
    <${Fault} error=${list.error} again=${list.again} />
    <section class="card">
      ${list.rows === null
        ? !list.error && html`<${Bones} rows=${10} />`
        : list.rows.length === 0 && !list.more
          ? filtered
            ? html`<${Nothing} icon="search" title="Nobody is like that" text="No user fits the search and the filters."><button class="button" type="button" onClick=${() => ask({ search: "", status: "", workspace: "" })}>Show all</button><//>`
            : html`<${Nothing} icon="users" title="Create your first user" text="A user has limits and keys. Every call with one of the keys is counted for the user." command="farebox users create alice --limit 25usd/month" />`
          : html`<${Table} label="Users" columns=${columns} rows=${list.rows} keyOf=${(user) => user.id} sort=${asked.sort} resort=${(sort) => ask({ sort: sort === FIRST_SORT ? "" : sort })} open=${visit} more=${list.more} busy=${list.loading} whole=${WHOLE} />
            <div class="table-foot"><span>${count(list.rows.length)} ${list.rows.length === 1 ? "user" : "users"}${list.more ? " so far, more below" : ""}</span><span class="wide" aria-hidden="true">j k to walk, Enter to open, / to search</span></div>`}
    </section>
    ${open === "create" && html`<${CreateUser} close=${close} done=${(user) => { said(`${user.id} is created`); list.again(); }} />`}
    ${open === "bump" && html`<${Bump} accounts=${[...chosen].map((id) => `user:${id}`)} close=${close} done=${() => { choose(new Set()); list.again(); }} />`}`;
}

// Rows of which nothing was told stay the same objects, which are not drawn again.
function patched(rows, moved) {
  let next = rows;
  rows.forEach((row, i) => {
    const told = moved.get(`user:${row.id}`);
    if (!told) return;
    if (next === rows) next = [...rows];
    next[i] = { ...row, llm_quota: told.llm_quota, status: row.status === "suspended" ? row.status : told.status, last_seen: new Date(now()).toISOString() };
  });
  return next;
}

function Totals() {
  const asked = useAsked(async (signal) => (await get("/api/quota/status", { signal })).data, "status");
  const again = useCalmly(asked.again, 5000);
  useEffect(() => on("update", again), []);
  if (!asked.value) return html`<span>Who spends what, live</span>`;
  return html`<span class="figures">${usd(asked.value.budget.current)} spent by everyone this month</span>`;
}

// How many keys that work each user has; null where there are too many to count here.
async function keysOf(signal) {
  const found = await all("/api/v1/keys", {}, MOST_KEYS, signal);
  if (found.length >= MOST_KEYS) return null;
  const counts = new Map();
  for (const { user, status } of found) if (status !== "revoked" && status !== "expired") counts.set(user, (counts.get(user) || 0) + 1);
  return counts;
}

function columnsOf({ rows, chosen, choose, again, selects, keys }) {
  const whole = () => rows.current.length > 0 && rows.current.every(({ id }) => chosen.has(id));
  const turn = (id) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    choose(next);
  };
  const every = () => choose(whole() ? new Set() : new Set(rows.current.map((row) => row.id)));
  const tick = {
    id: "tick",
    title: "Select",
    class: "tick far",
    head: () => html`<input type="checkbox" aria-label="Select all that are loaded" checked=${whole()} onChange=${every} />`,
    cell: (user) => html`<input type="checkbox" aria-label=${`Select ${user.id}`} checked=${chosen.has(user.id)} onChange=${() => turn(user.id)} />`,
  };
  return [
    ...(selects ? [tick] : []),
    {
      id: "name",
      title: "Name",
      sort: "name",
      first: "up",
      class: "w-name",
      cell: (user) => html`<div class="clip"><${Link} to=${address(user)} class="main" data-row title=${user.name}><bdi>${user.name || user.id}</bdi><//></div>${user.name && user.name !== user.id && html`<div class="under clip" title=${user.id}>${user.id}</div>`}`,
    },
    { id: "workspace", title: "Workspace", far: true, class: "w-chip", cell: (user) => html`<${Workspace} id=${user.workspace} />` },
    { id: "status", title: "Status", far: true, cell: (user) => html`<${Badge} status=${user.status} />` },
    { id: "quota", title: "Quota Utilization", slim: "Quota", sort: "utilization", class: "w-meter", cell: (user) => html`<${Quota} user=${user} />` },
    { id: "spent", title: "Spent / Limit", slim: "Spent", sort: "spent", end: true, cell: (user) => html`<${Spent} quota=${user.llm_quota} />` },
    { id: "resets", title: "Resets in", end: true, far: true, cell: (user) => (user.llm_quota.dollars_per_period === null ? html`<span class="muted">–</span>` : html`<${Countdown} to=${user.llm_quota.resets_at} ended=${again} />`) },
    { id: "requests", title: "Requests", end: true, far: true, cell: (user) => html`<span title=${count(user.total_requests)}>${short(user.total_requests)}</span>` },
    ...(keys ? [{ id: "keys", title: "Keys", end: true, far: true, later: true, cell: (user) => html`<${Link} to=${`/keys?user=${encodeURIComponent(user.id)}`} title=${`Keys of ${user.id} that work`}>${keys === NOT_YET ? "–" : count(keys.get(user.id) || 0)}<//>` }] : []),
    { id: "seen", title: "Last seen", end: true, far: true, later: true, cell: (user) => html`<span class="muted"><${Ago} at=${user.last_seen} /></span>` },
  ];
}

const Quota = ({ user }) => {
  const { utilization_percent: value, dollars_used: used, dollars_per_period: limit } = user.llm_quota;
  return html`<${Meter} value=${value} used=${used} limit=${limit} status=${user.status} label=${`Quota of ${user.id}`} />`;
};

function Spent({ quota }) {
  const { dollars_used: used, dollars_per_period: limit, period } = quota;
  const title = `${exactUsd(used)} of ${limit === null ? "no limit" : `${exactUsd(limit)} per ${period}`}`;
  return html`<span title=${title}>${usd(used)}<div class="under far">${limit === null ? "no limit" : `of ${usd(limit)}`}</div></span>`;
}

function Bulk({ chosen, rows, choose, show, again }) {
  const unseen = chosen.size - rows.filter(({ id }) => chosen.has(id)).length;
  const turn = (verb, undo) => async () => {
    const ids = [...chosen];
    try {
      await each(ids, verb);
      choose(new Set());
      said(`${ids.length === 1 ? ids[0] : `${ids.length} users`}: ${verb === "suspend" ? "suspended" : "resumed"}`, "", undo && (() => each(ids, undo).then(again, (why) => failed("Not undone", why))));
    } catch (why) {
      failed("Not all were changed", why);
    }
    again();
  };
  return html`<div class="row" role="group" aria-label="What is selected">
    <span class="strong">${chosen.size} selected${unseen > 0 ? `, ${unseen} not in this list` : ""}</span>
    <button class="button tiny" type="button" onClick=${() => show("bump")}><${Icon} name="up" size=${14} />Raise</button>
    <button class="button tiny danger" type="button" onClick=${turn("suspend", "resume")}><${Icon} name="pause" size=${14} />Suspend</button>
    <button class="button tiny" type="button" onClick=${turn("resume", null)}><${Icon} name="play" size=${14} />Resume</button>
    <button class="button tiny bare" type="button" onClick=${() => choose(new Set())}>Clear</button>
  </div>`;
}

// A few at a time: what waits in the browser would look like a server that does not answer.
async function each(ids, verb) {
  for (let at = 0; at < ids.length; at += AT_ONCE) await Promise.all(ids.slice(at, at + AT_ONCE).map((id) => post(`/api/v1/users/${encodeURIComponent(id)}/${verb}`)));
}

async function download(asked) {
  try {
    const users = await all("/api/v1/users", asked);
    const head = ["id", "name", "workspace", "status", "utilization_percent", "dollars_used", "dollars_per_period", "period", "resets_at", "requests", "spent_usd", "last_seen"];
    const rows = users.map((user) => {
      const quota = user.llm_quota;
      return [user.id, user.name, user.workspace, user.status, quota.utilization_percent, quota.dollars_used, quota.dollars_per_period, quota.period, quota.resets_at, user.total_requests, user.spent_usd, user.last_seen];
    });
    save("users.csv", "text/csv", csv([head, ...rows]));
  } catch (why) {
    failed("The list could not be saved", why);
  }
}
