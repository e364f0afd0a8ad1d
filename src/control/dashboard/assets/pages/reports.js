// Reports: what was spent on a day or in a week, beside the one before.
import { html, useState } from "../lib/html.js";
import { all, get, may, post, query as asQuery } from "../lib/api.js";
import { fullDay } from "../lib/days.js";
import { count, exactUsd, percent, short, usd } from "../lib/format.js";
import { Link, ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { absolute } from "../lib/time.js";
import { failed, said } from "../lib/toasts.js";
import { useAsked } from "../lib/use.js";
import { Account } from "../components/alert-list.js";
import { Pick } from "../components/field.js";
import { usedUp } from "../components/forecast.js";
import { Icon } from "../components/icon.js";
import { Head } from "../components/shell.js";
import { Bones, Card, Fault, Nothing } from "../components/state.js";
import { Table } from "../components/table.js";

const KINDS = [["daily", "Of a day"], ["weekly", "Of a week"]];
const FORMS = [["csv", "CSV"], ["html", "Page"], ["text", "Text"]];

export default function Reports() {
  const { query } = useStore(place);
  const kind = query.get("kind") === "weekly" ? "weekly" : "daily";
  const asked = { date: query.get("date") || "", workspace: query.get("workspace") || "" };
  const path = (form) => `/api/v1/reports/${kind}${asQuery({ ...asked, format: form })}`;
  const report = useAsked((signal) => get(path(""), { signal }), path(""));
  const workspaces = useAsked((signal) => (may("workspaces:read") ? all("/api/v1/workspaces", {}, 1000, signal) : []), "workspaces");
  const told = report.value;
  const [busy, work] = useState(false);
  const send = async () => {
    work(true);
    try {
      const { channels } = await post(`/api/v1/reports/${kind}`, { date: told?.date, ...(asked.workspace ? { workspace: asked.workspace } : {}) });
      said(`The report is on its way to ${channels.join(", ")}`, "Alerts has what becomes of it.");
    } catch (why) {
      failed("The report was not sent", why);
    }
    work(false);
  };
  return html`
    <${Head} title="Reports" sub=${told ? html`<span title=${`${absolute(told.from)} to ${absolute(told.to)}`}>${kind === "weekly" ? "The week from " : ""}${fullDay(told.date)}, ${told.timezone}</span>` : "What was spent"}>
      ${may("alerts:write") && html`<button class="button" type="button" disabled=${busy} onClick=${send}><${Icon} name="send" />${busy ? "Sending…" : "Send now"}</button>`}
      ${FORMS.map(([form, text]) => html`<a key=${form} class="button" href=${path(form)} download=${`report-${kind}-${told?.date || asked.date}.${form === "text" ? "txt" : form}`}><${Icon} name="download" />${text}</a>`)}
    <//>
    <div class="filters">
      <${Pick} label="Length" value=${kind} set=${(to) => ask({ kind: to === "daily" ? "" : to })} options=${KINDS} />
      <input class="input" type="date" aria-label="Date" value=${asked.date || told?.date || ""} onChange=${(event) => ask({ date: event.target.value })} />
      <${Pick} label="Workspace" value=${asked.workspace} set=${(workspace) => ask({ workspace })} options=${[["", "Every workspace"], ...(workspaces.value || []).map((one) => [one.id, one.id])]} />
    </div>
    <${Fault} error=${report.error} again=${report.again} />
    ${!told ? !report.error && html`<section class="card"><${Bones} rows=${8} /></section>` : told.total_requests === 0 && told.total_cost_nanousd === 0
      ? html`<section class="card"><${Nothing} icon="file" title="Nothing was called" text="No call was settled in this time. Choose another date." /></section>`
      : html`<${Told} told=${told} kind=${kind} />`}`;
}

function Told({ told, kind }) {
  const change = told.change_percent === null ? "nothing before" : `${told.change_percent > 0 ? "+" : ""}${percent(told.change_percent)} on the ${kind === "weekly" ? "week" : "day"} before`;
  const stats = [
    ["Spent", html`<span title=${exactUsd(told.total_cost_usd)}>${usd(told.total_cost_usd)}</span>`, change],
    ["Requests", short(told.total_requests), `${count(told.failed_requests)} failed at providers`],
    ["Tokens", short(told.total_tokens), told.cache_hit_percent === null ? "" : `${percent(told.cache_hit_percent)} of the input from caches`],
    ["Estimated", usd(told.estimated_usd), told.estimated_percent === null ? "" : `${percent(told.estimated_percent)} of what was spent`],
  ];
  return html`<div class="stack">
    <dl class="grid stats">${stats.map(([name, value, beside]) => html`<div key=${name} class="card stat"><dt>${name}</dt><dd class="figures">${value}<div class="beside">${beside || " "}</div></dd></div>`)}</dl>
    <div class="columns">
      <div class="stack">
        <${Parts} id="users" title="By user" field="user" rows=${told.by_user} />
        ${told.near_limit.length > 0 && html`<${Card} id="near" title="Near their limit"><${Table} label="Near their limit" columns=${NEAR} rows=${told.near_limit} keyOf=${(one) => one.account} /><//>`}
      </div>
      <div class="stack">
        <${Parts} id="models" title="By model" field="model" rows=${told.by_model} />
        <${Parts} id="providers" title="By provider" field="provider" rows=${told.by_provider} />
        <${Parts} id="movers" title="Who moved most" field="user" rows=${told.movers} />
      </div>
    </div>
  </div>`;
}

// Forecasts of those who will use up their budget soon.
const NEAR = [
  { id: "account", title: "Account", class: "w-name", cell: (one) => html`<div class="clip" title=${one.account}><${Account} id=${one.account} /></div>` },
  { id: "projected", title: "Projected", end: true, cell: (one) => html`<span title=${exactUsd(one.projected_usd)}>${usd(one.projected_usd)}</span><div class="under">of ${usd(one.allowed_usd)} a ${one.period}</div>` },
  { id: "ends", title: "Used up", end: true, cell: (one) => html`<span title=${absolute(one.exhausts_at)}>${usedUp(one)}</span>` },
];

function Parts({ id, title, field, rows }) {
  const columns = [
    { id: "name", title: field[0].toUpperCase() + field.slice(1), class: "w-name", cell: (row) => html`<div class="clip strong" title=${row[field]}>${field === "user" ? html`<${Link} to=${`/users/${encodeURIComponent(row.user)}`}>${row.user}<//>` : row[field]}</div>` },
    { id: "requests", title: "Requests", end: true, far: true, cell: (row) => count(row.requests) },
    { id: "spent", title: "Spent", end: true, cell: (row) => html`<span title=${exactUsd(row.cost_usd)}>${usd(row.cost_usd)}</span>` },
    { id: "before", title: "Before", end: true, cell: (row) => html`<span class="muted" title=${exactUsd(row.before_usd)}>${usd(row.before_usd)}</span>` },
  ];
  return html`<${Card} id=${id} title=${title} empty=${() => rows.length === 0 && html`<${Nothing} title="Nobody" />`}><${Table} label=${title} columns=${columns} rows=${rows} keyOf=${(row) => row[field]} /><//>`;
}
