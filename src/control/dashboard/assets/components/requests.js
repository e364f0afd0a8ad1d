// Settled calls: their table, and one of them in a panel. Prompts are nowhere, so none is shown.
import { html, useState } from "../lib/html.js";
import { count, exactUsd, short, usd } from "../lib/format.js";
import { Link } from "../lib/router.js";
import { absolute, ago } from "../lib/time.js";
import { Badge } from "./badge.js";
import { Copy } from "./copy.js";
import { Dialog } from "./dialog.js";
import { Table } from "./table.js";

const tokens = (usage) => (usage.input_tokens_total || 0) + (usage.output_tokens_total || 0);
const duration = (ms) => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

export function RequestTable({ requests, more, busy, owner = true }) {
  const [shown, show] = useState(null);
  const columns = [
    { id: "time", title: "Settled", cell: (one) => html`<button class="button bare tiny" type="button" data-row onClick=${() => show(one)} title=${absolute(one.settled)} aria-label=${`Request ${one.id}, ${ago(one.settled)}`}>${ago(one.settled)}</button>` },
    owner && { id: "user", title: "User", class: "w-name", cell: (one) => html`<div class="clip"><${Link} to=${`/users/${encodeURIComponent(one.user)}`}>${one.user}<//></div>` },
    { id: "model", title: "Model", class: "w-name", cell: (one) => html`<div class="clip main" title=${one.model}>${one.model}</div><div class="under clip">${one.provider}</div>` },
    { id: "ending", title: "Ending", far: true, cell: (one) => html`<span class="row"><${Badge} status=${one.status >= 400 ? "failed" : one.ending} />${one.status >= 400 && html`<span class="muted figures">${one.status}</span>`}</span>` },
    { id: "tokens", title: "Tokens", end: true, far: true, cell: (one) => html`<span title=${count(tokens(one.usage))}>${short(tokens(one.usage))}</span>` },
    { id: "took", title: "Took", end: true, far: true, cell: (one) => duration(one.duration_ms) },
    { id: "cost", title: "Cost", end: true, cell: (one) => html`<span class="strong" title=${exactUsd(one.cost_usd)}>${usd(one.cost_usd)}</span>${one.estimated && html`<div class="under">estimated</div>`}` },
  ].filter(Boolean);
  return html`<${Table} label="Requests" columns=${columns} rows=${requests} keyOf=${(one) => one.id} open=${show} more=${more} busy=${busy} />
    ${shown && html`<${Detail} one=${shown} close=${() => show(null)} />`}`;
}

function Detail({ one, close }) {
  const facts = [
    ["User", one.user],
    ["Workspace", one.workspace],
    ["Key", one.key && html`<code>${one.key}</code>`],
    ["Model", one.model],
    ["Provider", [one.provider, one.credential].filter(Boolean).join(", ")],
    ["Dialect", one.dialect],
    ["Tier", one.service_tier],
    ["Status", one.status || null],
    ["Started", absolute(one.started)],
    ["First token", one.ttft_ms === null ? null : duration(one.ttft_ms)],
    ["Took", duration(one.duration_ms)],
    ["Cost", html`<span class="figures strong">${exactUsd(one.cost_usd)}</span>${one.estimated ? " (estimated)" : ""}`],
    ["Held before", usd(nano(one.held_nanousd))],
    ["Provider said", one.provider_cost_usd && exactUsd(one.provider_cost_usd)],
    ["Prices", one.price_version && html`<code>${one.price_version}</code>`],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
  const used = Object.entries(one.usage).filter(([, n]) => n > 0);
  return html`<${Dialog} title=${one.model} close=${close} panel>
    <div class="stack">
      <div class="row"><${Badge} status=${one.status >= 400 ? "failed" : one.ending} /></div>
      <dl class="facts">${facts.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd class="break">${value}</dd>`)}</dl>
      <section><h3>Usage</h3>${used.length === 0 ? html`<p class="muted">Nothing was used.</p>` : html`<dl class="facts">${used.map(([name, n]) => html`<dt key=${name}>${name.replaceAll("_", " ")}</dt><dd class="figures">${count(n)}</dd>`)}</dl>`}</section>
      <div class="command"><code>${one.id}</code><${Copy} text=${one.id} /></div>
    </div>
  <//>`;
}

// Nano-dollars as decimal text.
function nano(n) {
  const digits = String(n).padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
