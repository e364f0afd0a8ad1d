// Snapshots: how each workspace stood at every interval of the past.
import { html, useMemo } from "../lib/html.js";
import { all, may } from "../lib/api.js";
import { dollars } from "../lib/days.js";
import { save } from "../lib/files.js";
import { count, csv, exactUsd, short, usd } from "../lib/format.js";
import { useList } from "../lib/lists.js";
import { ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { failed } from "../lib/toasts.js";
import { useAsked } from "../lib/use.js";
import { Ago } from "../components/ago.js";
import { Badge, Workspace } from "../components/badge.js";
import { TimeLine } from "../components/chart.js";
import { Pick } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { Head } from "../components/shell.js";
import { Bones, Card, Fault, Nothing } from "../components/state.js";
import { Table } from "../components/table.js";

const SINCE = [["", "Any time"], ["24h", "Last day"], ["7d", "Last 7 days"], ["30d", "Last 30 days"]];
const MOST = 50_000;
// With fewer moments a line says nothing.
const LEAST = 3;
const moment = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const COLUMNS = [
  { id: "time", title: "Taken", class: "still", cell: (one) => html`<${Ago} at=${one.snapshot_time} />` },
  { id: "workspace", title: "Workspace", class: "w-chip", cell: (one) => html`<${Workspace} id=${one.workspace_id} />` },
  { id: "status", title: "Status", cell: (one) => html`<${Badge} status=${one.status} />` },
  { id: "minute", title: "Requests in the minute", end: true, far: true, cell: (one) => count(one.requests_per_minute) },
  { id: "day", title: "In the day", end: true, far: true, cell: (one) => count(one.requests_per_day) },
  { id: "failed", title: "Failed", end: true, far: true, cell: (one) => count(one.error_count) },
  { id: "tokens", title: "Tokens in the month", end: true, far: true, cell: (one) => html`<span title=${count(one.tokens_used)}>${short(one.tokens_used)}</span>` },
  { id: "spent", title: "Spent in the month", slim: "Spent", end: true, cell: (one) => html`<span title=${exactUsd(one.metadata.month_cost_usd)}>${usd(one.metadata.month_cost_usd)}</span>` },
];

export default function Snapshots() {
  const { query } = useStore(place);
  const asked = { workspace: query.get("workspace") || "", since: query.get("since") || "" };
  const list = useList("/api/v1/snapshots", asked);
  const workspaces = useAsked((signal) => (may("workspaces:read") ? all("/api/v1/workspaces", {}, 1000, signal) : []), "workspaces");
  const filtered = asked.workspace || asked.since;
  const moments = useMemo(() => sums(list.rows || [], !list.more), [list.rows, !list.more]);
  return html`
    <${Head} title="Snapshots" sub="How workspaces stood at every interval, newest first">
      <button class="button" type="button" onClick=${() => download(asked)}><${Icon} name="download" />CSV</button>
    <//>
    <div class="filters">
      <${Pick} label="Workspace" value=${asked.workspace} set=${(workspace) => ask({ workspace })} options=${[["", "Every workspace"], ...(workspaces.value || []).map((one) => [one.id, one.id])]} />
      <${Pick} label="Since" value=${asked.since} set=${(since) => ask({ since })} options=${SINCE} />
    </div>
    <${Fault} error=${list.error} again=${list.again} />
    <div class="stack">
      ${moments.length >= LEAST && html`<${Card} id="line" title="Spent in the month, at the snapshots below"><div class="body"><${TimeLine} title="Spent in the month" points=${moments} say=${dollars} when=${(at) => moment.format(new Date(at * 1000))} /></div><//>`}
      <section class="card">
        ${list.rows === null
          ? !list.error && html`<${Bones} rows=${8} />`
          : list.rows.length === 0 && !list.more
            ? html`<${Nothing} icon="clock" title=${filtered ? "No snapshot is like that" : "No snapshot yet"} text="One is taken of every workspace at every interval." />`
            : html`<${Table} label="Snapshots" columns=${COLUMNS} rows=${list.rows} keyOf=${(one) => one.id} more=${list.more} busy=${list.loading} />`}
      </section>
    </div>`;
}

// Dollars of all workspaces at each moment. What more of the list may bring to the oldest is not
// known, so it is left out.
function sums(rows, whole) {
  const found = new Map();
  for (const { snapshot_time: at, metadata } of rows) found.set(at, (found.get(at) || 0) + metadata.month_cost_nanousd / 1e9);
  const points = [...found].map(([at, cost]) => [Date.parse(at) / 1000, cost]).sort(([a], [b]) => a - b);
  return whole ? points : points.slice(1);
}

async function download(asked) {
  try {
    const found = await all("/api/v1/snapshots", asked, MOST);
    const names = ["id", "workspace_id", "snapshot_time", "requests_per_minute", "requests_per_day", "tokens_used", "error_count", "status"];
    save("snapshots.csv", "text/csv", csv([[...names, "day_cost_usd", "month_cost_usd"], ...found.map((one) => [...names.map((name) => one[name]), one.metadata.day_cost_usd, one.metadata.month_cost_usd])]));
  } catch (why) {
    failed("The list could not be saved", why);
  }
}
