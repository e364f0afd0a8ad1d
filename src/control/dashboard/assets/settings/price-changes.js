// Which prices differ from those before the last reload, or from those that are built in.
import { html, useMemo } from "../lib/html.js";
import { get, query } from "../lib/api.js";
import { count } from "../lib/format.js";
import { useList } from "../lib/lists.js";
import { classText, conditionText, dollars, unitOf } from "../lib/prices.js";
import { ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { absolute, day } from "../lib/time.js";
import { useAsked } from "../lib/use.js";
import { Pick } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { Bones, Fault, Nothing } from "../components/state.js";
import { Table } from "../components/table.js";

const AGAINST = [["", "Before the last reload"], ["built_in", "Built in"]];
const WORDS = { added: ["ok", "plus", "New"], removed: ["off", "trash", "Gone"], changed: ["warn", "edit", "Changed"] };

export function Differences() {
  const { query: address } = useStore(place);
  const against = address.get("against") || "";
  const asked = { against: against || "previous" };
  const path = "/api/v1/pricing/changes";
  const head = useAsked((signal) => get(path + query({ ...asked, limit: 1 }), { signal }), against);
  const list = useList(path, asked);
  const rows = useMemo(() => (list.rows || []).flatMap(lines), [list.rows]);
  const error = list.error || head.error;
  const again = () => [head, list].forEach((one) => one.again());
  const one = head.value;
  return html`<section class="card" aria-labelledby="differences">
    <div class="title wraps"><h2 id="differences">What is different</h2><div class="filters tight"><${Pick} label="Compared with" value=${against} set=${(to) => ask({ against: to })} options=${AGAINST} /></div></div>
    ${error && html`<div class="body"><${Fault} error=${error} again=${again} /></div>`}
    ${!one || list.rows === null ? !error && html`<${Bones} rows=${5} />`
      : !one.against ? html`<${Nothing} icon="clock" title="No other prices yet" text="Since this process began no reload has changed a price. Reload the configuration under System health, or compare with the prices that are built in." />`
      : html`<div class="body"><p>${said(one)}</p><p class="small muted">Compared with <code>${one.against.price_version}</code> (${one.against.source}${one.against.since ? `, in force since ${absolute(one.against.since)}` : ""}). Listed prices only: mark-ups of payers, and the names of models, are not compared.</p></div>
          ${rows.length > 0 && html`<${Table} label="Prices that differ" columns=${COLUMNS} rows=${rows} keyOf=${(row) => row.key} more=${list.more} busy=${list.loading} />`}`}
  </section>`;
}

function said({ added, removed, changed }) {
  if (!added && !removed && !changed) return "No listed price is another one.";
  const models = (n) => `${count(n)} ${n === 1 ? "model" : "models"}`;
  return `${models(changed)} at other prices, ${count(added)} new, ${count(removed)} gone.`;
}

// A line for each price and each term of a model; one that costs nothing still has its line.
function lines({ provider, model, difference, prices, terms }) {
  const base = { provider, model, difference };
  const priced = prices.map((price, at) => ({ ...base, ...price, key: `${provider} ${model} ${at}`, what: classText(price.class), unit: unitOf(price.class), old: dollars(price.old), new: dollars(price.new) }));
  const other = terms.map((term) => ({ ...base, key: `${provider} ${model} ${term.name}`, what: termText(term.name), unit: "", old: term.old ?? "none", new: term.new ?? "none", percent: null }));
  const found = [...priced, ...other];
  return found.length ? found : [{ ...base, key: `${provider} ${model}`, what: "All", unit: "it costs nothing", old: "–", new: "–", percent: null }];
}

const termText = (name) => (name === "long_prompts" ? "Long prompts begin" : `Region ${name.replace("region:", "")}, factor`);
const signed = (percent) => `${percent > 0 ? "+" : ""}${percent}%`;

function when(row) {
  if (!row.class) return "";
  return [conditionText(row), row.long ? "long prompts" : "", row.from ? `from ${day(row.from)}` : ""].filter(Boolean).join(", ");
}

const COLUMNS = [
  { id: "model", title: "Model", class: "w-name", cell: (row) => html`<div class="clip main" title=${row.model} data-row tabindex="0">${row.model}</div><div class="under clip">${row.provider}</div>` },
  { id: "difference", title: "Model is", far: true, cell: ({ difference }) => html`<span class="badge ${WORDS[difference][0]}"><${Icon} name=${WORDS[difference][1]} size=${13} />${WORDS[difference][2]}</span>` },
  { id: "what", title: "What", cell: (row) => html`<div>${row.what}</div><div class="under">${[row.unit, when(row)].filter(Boolean).join(", ")}</div>` },
  { id: "old", title: "Before", end: true, cell: (row) => html`<span class="muted">${row.old}</span>` },
  { id: "new", title: "Now", end: true, cell: (row) => html`<span class="strong">${row.new}</span>` },
  { id: "percent", title: "By", end: true, far: true, cell: ({ percent }) => (percent === null ? html`<span class="muted">–</span>` : html`<span class="by"><${Icon} name=${percent > 0 ? "up" : "down"} size=${13} />${signed(percent)}</span>`) },
];
