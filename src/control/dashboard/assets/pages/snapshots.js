// Snapshots: how each workspace stood at every interval of the past.
import { html } from "../lib/html.js";
import { all, may } from "../lib/api.js";
import { count, exactUsd, short, usd } from "../lib/format.js";
import { useList } from "../lib/lists.js";
import { ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { absolute, ago } from "../lib/time.js";
import { useAsked } from "../lib/use.js";
import { Badge, Workspace } from "../components/badge.js";
import { Pick } from "../components/field.js";
import { Head } from "../components/shell.js";
import { Bones, Fault, Nothing } from "../components/state.js";
import { Table } from "../components/table.js";

const SINCE = [["", "Any time"], ["24h", "Last day"], ["7d", "Last 7 days"], ["30d", "Last 30 days"]];
const COLUMNS = [
  { id: "time", title: "Taken", cell: (one) => html`<span title=${absolute(one.snapshot_time)}>${ago(one.snapshot_time)}</span>` },
  { id: "workspace", title: "Workspace", class: "w-name", cell: (one) => html`<${Workspace} id=${one.workspace_id} />` },
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
  return html`
    <${Head} title="Snapshots" sub="How workspaces stood, newest first" />
    <div class="filters">
      <${Pick} label="Workspace" value=${asked.workspace} set=${(workspace) => ask({ workspace })} options=${[["", "Every workspace"], ...(workspaces.value || []).map((one) => [one.id, one.id])]} />
      <${Pick} label="Since" value=${asked.since} set=${(since) => ask({ since })} options=${SINCE} />
    </div>
    <${Fault} error=${list.error} again=${list.again} />
    <section class="card">
      ${list.rows === null
        ? !list.error && html`<${Bones} rows=${8} />`
        : list.rows.length === 0 && !list.more
          ? html`<${Nothing} icon="clock" title=${filtered ? "No snapshot is like that" : "No snapshot yet"} text="One is taken of every workspace at every interval." />`
          : html`<${Table} label="Snapshots" columns=${COLUMNS} rows=${list.rows} keyOf=${(one) => one.id} more=${list.more} busy=${list.loading} />`}
    </section>`;
}
