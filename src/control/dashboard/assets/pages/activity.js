// Activity: one metric, over time and by name. The whole question stands in the address.
import { html, useMemo } from "../lib/html.js";
import { get, query as asQuery } from "../lib/api.js";
import { dayName, dayOf, dollars } from "../lib/days.js";
import { save } from "../lib/files.js";
import { count, csv, short, usd } from "../lib/format.js";
import { Link, ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { now } from "../lib/time.js";
import { useAsked } from "../lib/use.js";
import { zone } from "../lib/zone.js";
import { Shares, TimeBars } from "../components/chart.js";
import { Pick, Typed } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { Head } from "../components/shell.js";
import { Card, Nothing } from "../components/state.js";
import { Table } from "../components/table.js";

const share = (value) => `${Math.round(value * 1000) / 10}%`;
// value: what a row has of the metric; say: as people read it; sums: whether parts add up.
const METRICS = {
  cost: { text: "Spent", value: (row) => row.cost_nanousd / 1e9, say: dollars, sums: true },
  requests: { text: "Requests", value: (row) => row.requests, say: short, sums: true },
  tokens: { text: "Tokens", value: (row) => row.tokens, say: short, sums: true },
  cache_saved: { text: "Saved by caches", value: (row) => (row.cache_saved_nanousd || 0) / 1e9, say: dollars, sums: true },
  cache_hit_ratio: { text: "Read from caches", value: (row) => row.cache_hit_ratio || 0, say: share, sums: false },
  cost_per_1k_tokens: { text: "Cost of 1,000 tokens", value: (row) => (row.cost_per_1k_tokens_nanousd || 0) / 1e9, say: dollars, sums: false },
  failed_share: { text: "Failed at providers", value: (row) => row.failed_share || 0, say: share, sums: false },
};
const GROUPS = [["model", "By model"], ["user", "By user"], ["key", "By key"], ["workspace", "By workspace"], ["provider", "By provider"]];
const SPANS = { "24h": ["Last day", 86_400, "hour"], "7d": ["Last 7 days", 7 * 86_400, "day"], "30d": ["Last 30 days", 30 * 86_400, "day"], "90d": ["Last 90 days", 90 * 86_400, "day"] };
const hourly = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export default function Activity() {
  const { query } = useStore(place);
  const chosen = (name, known, first) => (known(query.get(name)) ? query.get(name) : first);
  const name = chosen("metric", (text) => Object.hasOwn(METRICS, text), "cost");
  const by = chosen("group", (text) => GROUPS.some(([group]) => group === text), "model");
  const span = chosen("span", (text) => Object.hasOwn(SPANS, text), "7d");
  const user = query.get("user") || "";
  const [, seconds, bucket] = SPANS[span];
  const key = [name, by, span, user].join(" ");
  const since = () => new Date(now() - (seconds - (bucket === "hour" ? 3600 : 86_400)) * 1000).toISOString();
  const series = useAsked((signal) => get(`/api/v1/analytics/series${asQuery({ metric: name, bucket, start_time: since(), user })}`, { signal }), key);
  const top = useAsked((signal) => get(`/api/v1/analytics/top${asQuery({ metric: name, by, since: since(), limit: 100, user })}`, { signal }), key);
  const latency = useAsked(async (signal) => (await get(`/api/v1/analytics/latency${asQuery({ group_by: "model", since: since(), user })}`, { signal })).data, key);
  const metric = METRICS[name];
  const nothing = series.value && top.value?.data.length === 0;
  const download = () => {
    const rows = top.value?.data || [];
    save(`activity-${name}-by-${by}.csv`, "text/csv", csv([[by, "requests", "tokens", "cost_usd"], ...rows.map((row) => [row[by], row.requests, row.tokens, row.cost_usd])]));
  };
  return html`
    <${Head} title="Activity" sub=${user ? html`of <${Link} to=${`/users/${encodeURIComponent(user)}`}>${user}<//>` : "All settled calls that you may see"}>
      <button class="button" type="button" disabled=${!top.value} onClick=${download}><${Icon} name="download" />CSV</button>
    <//>
    <div class="filters">
      <${Pick} label="Metric" value=${name} set=${(metric) => ask({ metric })} options=${Object.entries(METRICS).map(([of, { text }]) => [of, text])} />
      <${Pick} label="Group" value=${by} set=${(group) => ask({ group })} options=${GROUPS} />
      <${Pick} label="Time" value=${span} set=${(to) => ask({ span: to })} options=${Object.entries(SPANS).map(([of, [text]]) => [of, text])} />
      <${Typed} label="User" value=${user} set=${(to) => ask({ user: to })} />
    </div>
    ${nothing ? html`<section class="card"><${Nothing} icon="chart" title="Nothing was called" text="No call was settled in this time. Choose a longer one, or look at another user." /></section>` : html`<div class="stack">
      <${Card} id="series" title=${`${metric.text} by ${bucket}`} asked=${series} rows=${7}>${(found) => html`<div class="body"><${Over} found=${found} metric=${metric} bucket=${bucket} /></div>`}<//>
      <div class="halves">
        <${Card} id="top" title=${`${metric.text}, ${GROUPS.find(([of]) => of === by)[1].toLowerCase()}`} asked=${top} rows=${4} empty=${(found) => found.data.length === 0 && html`<${Nothing} icon="chart" title="Nothing was called" text="No call was settled in this time." />`}>
          ${(found) => html`<div class="body"><${Shares} most=${10} other=${metric.sums} rows=${found.data.map((row) => ({ name: row[by], value: metric.value(row), link: by === "user" ? html`<${Link} to=${`/users/${encodeURIComponent(row.user)}`}>${row.user}<//>` : null }))} say=${metric.say} /></div>`}
        <//>
        <${Card} id="latency" title="How long calls took" asked=${latency} rows=${4} empty=${(rows) => rows.length === 0 && html`<${Nothing} icon="clock" title="Nothing was called" />`}>
          ${(rows) => html`<${Table} label="How long calls took" rows=${rows} keyOf=${(row) => row.model} columns=${LATENCY} />`}
        <//>
      </div>
      <${Card} id="table" title="In figures" asked=${top} empty=${(found) => found.data.length === 0 && html`<${Nothing} icon="list" title="Nothing to list" />`}>
        ${(found) => html`<${Table} label="In figures" rows=${found.data} keyOf=${(row) => row[by]} columns=${[
          { id: "name", title: by[0].toUpperCase() + by.slice(1), class: "w-name", cell: (row) => html`<div class="clip strong" title=${row[by]}>${row[by]}</div>` },
          { id: "requests", title: "Requests", end: true, cell: (row) => count(row.requests) },
          { id: "tokens", title: "Tokens", end: true, cell: (row) => html`<span title=${count(row.tokens)}>${short(row.tokens)}</span>` },
          { id: "cost", title: "Spent", end: true, cell: (row) => html`<span title=${`$${row.cost_usd}`}>${usd(row.cost_usd)}</span>` },
        ]} />`}
      <//>
    </div>`}`;
}

const ms = (value) => (value === null || value === undefined ? "–" : value < 1000 ? `${value} ms` : `${(value / 1000).toFixed(1)} s`);
const LATENCY = [
  { id: "model", title: "Model", class: "w-name", cell: (row) => html`<div class="clip strong" title=${row.model}>${row.model}</div>` },
  { id: "first", title: "First token, p50", slim: "First", end: true, cell: (row) => ms(row.ttft_ms_p50) },
  { id: "half", title: "p50", end: true, cell: (row) => ms(row.duration_ms_p50) },
  { id: "most", title: "p90", end: true, far: true, cell: (row) => ms(row.duration_ms_p90) },
  { id: "all", title: "p99", end: true, cell: (row) => ms(row.duration_ms_p99) },
];

function Over({ found, metric, bucket }) {
  const place = useStore(zone);
  const at = (text) => (bucket === "hour" ? Date.parse(text) / 1000 : dayOf(Date.parse(text) / 1000));
  const points = useMemo(() => found.data.map(({ start_time, results }) => [at(start_time), results.length ? metric.value(results[0]) : 0]), [found, place]);
  const when = (seconds) => (bucket === "hour" ? hourly.format(new Date(seconds * 1000)) : dayName(seconds));
  return html`<${TimeBars} title=${metric.text} points=${points} say=${metric.say} when=${when} step=${bucket === "hour" ? 3600 : 86_400} />`;
}
