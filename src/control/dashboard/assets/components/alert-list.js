// Alerts that were raised: their table, and one of them in a panel with every delivery.
import { html, useEffect, useState } from "../lib/html.js";
import { count, percent } from "../lib/format.js";
import { Link } from "../lib/router.js";
import { absolute } from "../lib/time.js";
import { headline, word } from "../lib/words.js";
import { Ago } from "./ago.js";
import { Badge } from "./badge.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";
import { Table } from "./table.js";

// What is still to be delivered is told by nobody, so it is asked for.
const PENDING = 10_000;

// owner: whether it is told whose alert it is; again: asks for the alerts.
export function AlertTable({ alerts, more, busy, again, owner = true }) {
  const [shown, show] = useState(null);
  const waits = alerts.some(({ deliveries }) => deliveries.some(({ status }) => status === "pending"));
  useEffect(() => {
    if (!waits) return undefined;
    const timer = setInterval(() => document.hidden || again(), PENDING);
    return () => clearInterval(timer);
  }, [waits, again]);
  const columns = [
    { id: "time", title: "Raised", class: "still", cell: (one) => html`<button class="button bare tiny" type="button" data-row onClick=${() => show(one)}><span class="unseen">Alert about ${one.account || one.rule}, </span><${Ago} at=${one.time} /></button>` },
    { id: "level", title: "Level", cell: (one) => html`<${Badge} status=${one.level} />` },
    owner && { id: "account", title: "Account", class: "w-name w-short", cell: (one) => html`<div class="clip" title=${one.account}><${Account} id=${one.account} /></div>` },
    { id: "limit", title: "Limit or rule", far: true, cell: (one) => html`<code>${one.limit || one.rule || "–"}</code>` },
    { id: "used", title: "Used", end: true, cell: (one) => (one.usage_percent === null ? "–" : percent(one.usage_percent)) },
    { id: "sent", title: "Sent", far: true, cell: (one) => html`<${Sent} one=${one} />` },
  ].filter(Boolean);
  return html`<${Table} label="Alerts" columns=${columns} rows=${alerts} keyOf=${(one) => one.id} open=${show} more=${more} busy=${busy} />
    ${shown && html`<${Detail} one=${shown} close=${() => show(null)} />`}`;
}

export function Account({ id }) {
  if (!id) return html`<span class="muted">–</span>`;
  return id.startsWith("user:") ? html`<${Link} to=${`/users/${encodeURIComponent(id.slice(5))}`}>${id}<//>` : id;
}

// How far it came, in one line: to how many channels, and to how many not.
function Sent({ one }) {
  if (one.suppressed) return html`<span class="muted">not again so soon</span>`;
  if (!one.deliveries.length) return html`<span class="muted">no channel</span>`;
  const parts = ["failed", "pending", "delivered"].map((status) => [status, one.deliveries.filter((sent) => sent.status === status)]).filter(([, sent]) => sent.length);
  return html`<span class="row">${parts.map(([status, sent]) => {
    const { tone, icon, text } = word(status);
    return html`<span key=${status} class="badge ${tone}" title=${sent.map(({ channel }) => channel).join(", ")}><${Icon} name=${icon} size=${13} />${sent.length === 1 ? `${text}: ${sent[0].channel}` : `${text} ${sent.length}`}</span>`;
  })}</span>`;
}

function Detail({ one, close }) {
  const facts = [
    ["Account", one.account && html`<span onClick=${close}><${Account} id=${one.account} /></span>`],
    ["Limit", one.limit && html`<code>${one.limit}</code>`],
    ["Rule", one.rule && html`<code>${one.rule}</code>`],
    ["Threshold", one.threshold !== null && `${one.threshold}%`],
    ["Used", one.usage_percent !== null && percent(one.usage_percent)],
    ["Raised", absolute(one.time)],
  ].filter(([, value]) => value);
  return html`<${Dialog} title=${headline(one)} close=${close} panel>
    <div class="stack">
      <div class="row"><${Badge} status=${one.level} /></div>
      <dl class="facts">${facts.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd class="break">${value}</dd>`)}</dl>
      <section><h3>Deliveries</h3>
        ${one.suppressed && html`<p class="muted">Raised again so soon that it was not sent.</p>`}
        ${!one.suppressed && !one.deliveries.length && html`<p class="muted">No channel took alerts of this level.</p>`}
        <ul class="list inset">${one.deliveries.map((sent) => html`<li key=${sent.channel}>
          <div class="row"><span class="strong break">${sent.channel}</span><${Badge} status=${sent.status} /></div>
          <p class="small muted">${count(sent.attempts)} ${sent.attempts === 1 ? "attempt" : "attempts"}${sent.delivered_at ? `, ${absolute(sent.delivered_at)}` : ""}</p>
          ${sent.last_error && html`<p class="small break">${sent.last_error}</p>`}
        </li>`)}</ul>
      </section>
    </div>
  <//>`;
}
