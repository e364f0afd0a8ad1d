// What a model costs: its classes down, its conditions across.
import { html } from "../lib/html.js";
import { get, query } from "../lib/api.js";
import { count } from "../lib/format.js";
import { asBilled, classText, conditionText, dollars, unitOf } from "../lib/prices.js";
import { ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { useAsked } from "../lib/use.js";
import { day } from "../lib/time.js";
import { Search } from "../components/search.js";
import { Bones, Fault, Nothing } from "../components/state.js";
import { Table } from "../components/table.js";

const LONGEST = 200;

export function ModelPrices() {
  const { query: asked } = useStore(place);
  const model = asked.get("model") || "";
  return html`<section class="card" aria-labelledby="model-prices">
    <div class="title"><h2 id="model-prices">What a model costs</h2></div>
    <div class="body"><div class="filters tight"><${Search} longest=${LONGEST} label="Model, as calls name it" value=${model} set=${(to) => ask({ model: to.trim() })} /></div></div>
    ${model ? html`<${Of} key=${model} name=${model} />` : html`<div class="body"><p class="muted">Type the name of a model, such as gpt-5 or anthropic/claude-sonnet-4-5.</p></div>`}
  </section>`;
}

function Of({ name }) {
  const asked = useAsked(async (signal) => (await get(`/api/v1/pricing${query({ model: name })}`, { signal })).model, name);
  if (asked.error?.status === 404) return html`<${Nothing} icon="search" title="It has no price" text=${`${asked.error.message} Calls of it are refused, unless the configuration lets them pass at price 0.`} />`;
  if (asked.error) return html`<div class="body"><${Fault} error=${asked.error} again=${asked.again} /></div>`;
  if (!asked.value) return html`<${Bones} rows=${5} />`;
  const one = asked.value;
  const factors = Object.entries(one.region_factors);
  return html`<div class="body"><dl class="facts">
      <dt>Model</dt><dd class="break"><code>${one.matched}</code>${one.matched !== one.asked && html` <span class="muted">for ${one.asked}</span>`}</dd>
      <dt>Provider</dt><dd class="break">${one.provider}</dd>
      <dt>Context</dt><dd class="figures">${one.context === null ? "unknown" : `${count(one.context)} tokens`}</dd>
      <dt>Longest answer</dt><dd class="figures">${one.max_output === null ? "unknown" : `${count(one.max_output)} tokens`}</dd>
      ${factors.length > 0 && html`<dt>Regions</dt><dd>${factors.map(([region, times]) => `${region}: tokens cost ${times} times as much`).join(", ")}</dd>`}
    </dl></div>
    ${one.prices.length ? html`<${Sheets} sheets=${one.prices} />` : html`<div class="body"><p>It costs nothing.</p></div>`}`;
}

// Each sheet is a column, that of its long prompts another one.
function Sheets({ sheets }) {
  const dated = new Set(sheets.map(conditionText)).size < sheets.length;
  const columns = sheets.flatMap((sheet) => {
    const title = `${classText(conditionText(sheet))}${dated && sheet.from ? `, from ${day(sheet.from)}` : ""}`;
    const long = sheet.long;
    return [
      { title, prices: sheet.prices },
      ...(long ? [{ title: `${title}, prompts ${long.at_least ? `of ${count(long.at_least)} tokens or more` : `above ${count(long.above)} tokens`}`, prices: long.prices }] : []),
    ];
  });
  const classes = asBilled(new Set(columns.flatMap(({ prices }) => Object.keys(prices)))).map((name) => ({ name }));
  return html`<${Table} label="Prices of the model" keyOf=${({ name }) => name} rows=${classes} columns=${[
    { id: "class", title: "Class", cell: ({ name }) => html`<div class="main still">${classText(name)}</div><div class="under still">${unitOf(name)}</div>` },
    ...columns.map(({ title, prices }, at) => ({ id: String(at), title, end: true, cell: ({ name }) => (prices[name] === undefined ? html`<span class="muted" title="It has no price of its own: the broader class counts">–</span>` : dollars(prices[name])) })),
  ]} />`;
}
