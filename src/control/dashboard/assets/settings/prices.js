// Prices: the table in force, what a model costs by it, and what it changed.
import { html } from "../lib/html.js";
import { get } from "../lib/api.js";
import { count } from "../lib/format.js";
import { useAsked } from "../lib/use.js";
import { Ago } from "../components/ago.js";
import { Card } from "../components/state.js";
import { Differences } from "./price-changes.js";
import { ModelPrices } from "./model-prices.js";

export function Prices() {
  const prices = useAsked((signal) => get("/api/v1/pricing", { signal }), "prices");
  return html`<div class="stack">
    <div class="halves">
      <${Card} id="prices" title="In force" asked=${prices} rows=${4}>${(one) => html`<div class="body"><dl class="facts">
        <dt>Version</dt><dd><code>${one.price_version}</code></dd>
        <dt>From</dt><dd class="break">${one.source}</dd>
        <dt>Since</dt><dd><${Ago} at=${one.since} /></dd>
        <dt>Models</dt><dd class="figures">${count(one.models)}</dd>
      </dl></div>`}<//>
      <${Card} id="before-hand" title="Before a change"><div class="body stack">
        <p>Check a table, and see what it would have cost, before it is in force. What is charged already stays as it was.</p>
        <div class="command"><code tabindex="0">farebox pricing check new.toml</code></div>
        <div class="command"><code tabindex="0">farebox pricing diff new.toml --since 7d</code></div>
      </div><//>
    </div>
    <${ModelPrices} />
    <${Differences} />
  </div>`;
}
