// One settled call in a panel: what happened to it, what it used, what it cost. Prompts are kept
// nowhere, so none is shown.
import { html } from "../lib/html.js";
import { get } from "../lib/api.js";
import { duration, exactUsd, usd } from "../lib/format.js";
import { Link } from "../lib/router.js";
import { absolute } from "../lib/time.js";
import { useAsked } from "../lib/use.js";
import { Attempts, outcome } from "./attempts.js";
import { Badge } from "./badge.js";
import { Copy } from "./copy.js";
import { Dialog } from "./dialog.js";
import { Bones, Fault, Nothing } from "./state.js";
import { Tokens } from "./tokens.js";

// known: the call, where it is in a list already.
export function RequestPanel({ id, known, close }) {
  const { value, error, again } = useAsked(async (signal) => known || (await get(`/api/v1/requests/${encodeURIComponent(id)}`, { signal })), id);
  const gone = error?.status === 404;
  return html`<${Dialog} title=${value ? value.model || value.dialect : "Request"} close=${close} panel>
    ${value ? html`<${Call} one=${value} />`
      : gone ? html`<${Nothing} icon="search" title="No such request" text="It is not settled yet, was refused, or is not kept any more." />`
        : error ? html`<${Fault} error=${error} again=${again} />` : html`<${Bones} rows=${12} />`}
    ${!value && html`<div class="command"><code tabindex="0">${id}</code><${Copy} text=${id} /></div>`}
  <//>`;
}

function Call({ one }) {
  return html`<div class="stack call">
    <div class="row">
      <${Badge} status=${outcome(one)} />
      ${one.status > 0 && html`<span class="figures">${one.status}</span>`}
      <span class="muted">in ${duration(one.duration_ms)}</span>
      ${one.estimated && html`<${Badge} status="estimated" />`}
    </div>
    <div class="command"><code tabindex="0">${one.id}</code><${Copy} text=${one.id} /></div>
    <section><h3>${one.attempts?.length > 0 ? `${one.attempts.length} attempts` : "Along time"}</h3>${timed(one) ? html`<${Attempts} one=${one} />` : html`<p class="muted">It was reported from elsewhere: how long it took is not known.</p>`}</section>
    <section><h3>Tokens</h3><${Tokens} usage=${one.usage} /></section>
    <section><h3>Cost</h3><${Facts} facts=${[
      ["Charged", html`<span class="figures strong">${exactUsd(one.cost_usd)}</span>${one.estimated && html` <span class="muted">estimated</span>`}`],
      ["Held before", html`<span class="figures">${usd(nano(one.held_nanousd))}</span>`],
      ["Provider said", one.provider_cost_usd && html`<span class="figures">${exactUsd(one.provider_cost_usd)}</span>`],
      ["Prices", one.price_version && html`<code>${one.price_version}</code>`],
    ]} /></section>
    <section><h3>Call</h3><${Facts} facts=${[
      ["User", html`<${Link} to=${`/users/${encodeURIComponent(one.user)}`}>${one.user}<//>`],
      ["Workspace", one.workspace],
      ["Key", one.key && html`<code>${one.key}</code>`],
      ["Model", one.model],
      ["Provider", [one.provider, one.credential].filter(Boolean).join(", ")],
      ["Dialect", one.dialect],
      ["Tier", one.service_tier],
      ["Requests", one.request_count > 1 ? one.request_count : null],
      ["Started", absolute(one.started)],
      ["Settled", absolute(one.settled)],
    ]} /></section>
  </div>`;
}

// What was consumed elsewhere has no times of its own.
const timed = ({ duration_ms: took, status, ending }) => took > 0 || status > 0 || ending === "orphaned";

function Facts({ facts }) {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return html`<dl class="facts">${known.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd class="break">${value}</dd>`)}</dl>`;
}

// Nano-dollars as decimal text.
function nano(n) {
  const digits = String(n).padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
