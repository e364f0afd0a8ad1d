// Settled calls: their table. A row opens the call in a panel, here or where the page says.
import { html, useState } from "../lib/html.js";
import { count, duration, exactUsd, short, usd } from "../lib/format.js";
import { Link } from "../lib/router.js";
import { Ago } from "./ago.js";
import { outcome } from "./attempts.js";
import { Badge } from "./badge.js";
import { RequestPanel } from "./request.js";
import { Table } from "./table.js";

const tokens = (usage) => (usage.input_tokens_total || 0) + (usage.output_tokens_total || 0);

// open: is told which call was chosen; without it, the panel is shown here.
export function RequestTable({ requests, more, busy, owner = true, open }) {
  const [shown, show] = useState(null);
  const choose = open || show;
  const columns = [
    { id: "time", title: "Settled", cell: (one) => html`<button class="button bare tiny" type="button" data-row onClick=${() => choose(one)}><span class="unseen">Request ${one.id}, </span><${Ago} at=${one.settled} /></button>` },
    owner && { id: "user", title: "User", far: true, class: "w-name", cell: (one) => html`<div class="clip"><${Link} to=${`/users/${encodeURIComponent(one.user)}`}>${one.user}<//></div>` },
    { id: "model", title: "Model", class: "w-name", cell: (one) => html`<div class="clip main" title=${one.model}>${one.model}</div><div class="under clip"><span class=${owner ? "wide" : ""}>${one.provider}</span>${owner && html`<span class="slim">${one.user}</span>`}</div>` },
    { id: "ending", title: "Ending", far: true, cell: (one) => html`<span class="row"><${Badge} status=${outcome(one)} />${one.status >= 400 && html`<span class="muted figures">${one.status}</span>`}${one.attempts?.length > 0 && html`<span class="muted small">${one.attempts.length} attempts</span>`}</span>` },
    { id: "tokens", title: "Tokens", end: true, far: true, cell: (one) => html`<span title=${count(tokens(one.usage))}>${short(tokens(one.usage))}</span>` },
    { id: "took", title: "Took", end: true, far: true, cell: (one) => (one.duration_ms > 0 ? duration(one.duration_ms) : "–") },
    { id: "cost", title: "Cost", end: true, cell: (one) => html`<span class="strong" title=${exactUsd(one.cost_usd)}>${usd(one.cost_usd)}</span>${one.estimated && html`<div class="under">estimated</div>`}` },
  ].filter(Boolean);
  return html`<${Table} label="Requests" columns=${columns} rows=${requests} keyOf=${(one) => one.id} open=${choose} more=${more} busy=${busy} />
    ${shown && html`<${RequestPanel} key=${shown.id} id=${shown.id} known=${shown} close=${() => show(null)} />`}`;
}
