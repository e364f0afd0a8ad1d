// Alert rules: what is alerted besides thresholds. Those of the file are shown and not changed here.
import { html, useState } from "../lib/html.js";
import { get, may, patch, post, remove } from "../lib/api.js";
import { said } from "../lib/toasts.js";
import { useAsked } from "../lib/use.js";
import { Badge } from "./badge.js";
import { ChangedMeanwhile, opened, useOpened } from "./changed-meanwhile.js";
import { Confirm, FormDialog } from "./dialog.js";
import { Field } from "./field.js";
import { Icon } from "./icon.js";
import { Card, Nothing } from "./state.js";

// What each kind of rule takes, and what it is in words.
const KINDS = {
  absolute_usd: ["Spends more than an amount", ["account", "amount", "window"]],
  burn_rate: ["Spends too fast: an amount in a window, or faster than its limit allows", ["account", "amount", "percent", "window"]],
  projected_exceed: ["Will exceed its limit, by the forecast", ["account", "percent"]],
  spike: ["Spends much more than usual", ["account", "percent", "amount", "window"]],
  error_rate: ["Calls fail at providers", ["account", "percent", "window", "minimum_requests"]],
  quarantined: ["A provider refuses a credential", ["account", "window"]],
  unpriced_model: ["A model without a price is called", ["window"]],
  journal_backlog: ["Settlements wait for Redis", ["pending", "window"]],
  ledger_imbalance: ["The ledger is not sound", ["window"]],
};
const FIELDS = {
  account: ["Account", "user:alice, workspace:*, all. Empty: whom such a rule is usually about."],
  amount: ["Amount", "100usd"],
  percent: ["Per cent", "Above which it is raised."],
  window: ["Window", "1h, 24h"],
  minimum_requests: ["At least so many requests", "With fewer nothing is raised."],
  pending: ["More than so many", ""],
};
const NUMBERS = new Set(["percent", "minimum_requests", "pending"]);
const LEVELS = [["", "As the kind has it"], ["warning", "Warning"], ["critical", "Critical"], ["exceeded", "Exceeded"]];

export function Rules() {
  const rules = useAsked(async (signal) => (await get("/api/v1/alert-rules", { signal })).data, "rules");
  const [open, show] = useState(null);
  const close = () => show(null);
  const writes = may("alerts:write");
  const edit = (rule) => opened(`/api/v1/alert-rules/${encodeURIComponent(rule.id)}`, rule.name, (one, tag) => show({ edit: one, tag }));
  return html`<${Card} id="rules" title="Rules" asked=${rules} rows=${6} actions=${writes && html`<button class="button tiny" type="button" onClick=${() => show("create")}><${Icon} name="plus" size=${14} />Add rule</button>`} empty=${(all) => all.length === 0 && html`<${Nothing} icon="bolt" title="No rule yet" text="Thresholds of limits are alerted without one. A rule alerts what a limit does not say: an amount, a pace, a forecast, failing calls." />`}>
      ${(all) => html`<ul class="list">${all.map((one) => html`<li key=${one.id} class="row"><span class="strong break">${one.name}</span><${Badge} status=${one.level} /><span>${KINDS[one.kind]?.[0] || one.kind}</span><span class="small muted break">${details(one)}${one.source === "file" ? " · from the file" : ""}</span>
        <span style=${{ flex: 1 }}></span>${writes && one.source !== "file" && html`<span class="acts"><button class="button tiny" type="button" aria-label=${`Change ${one.name}`} title=${`Change ${one.name}`} onClick=${() => edit(one)}><${Icon} name="edit" size=${14} /></button>
          <button class="button tiny danger" type="button" aria-label=${`Delete ${one.name}`} title=${`Delete ${one.name}`} onClick=${() => show({ drop: one })}><${Icon} name="trash" size=${14} /></button></span>`}</li>`)}</ul>`}
    <//>
    ${open === "create" && html`<${RuleForm} close=${close} done=${rules.again} />`}
    ${open?.edit && html`<${RuleForm} one=${open.edit} tag=${open.tag} close=${close} done=${rules.again} />`}
    ${open?.drop && html`<${Confirm} title=${`Delete ${open.drop.name}?`} text="It is not looked at any more." action="Delete" close=${close} send=${async () => { await remove(`/api/v1/alert-rules/${open.drop.id}`); said(`${open.drop.name} is deleted`); close(); rules.again(); }} />`}`;
}

function details(rule) {
  const said = [rule.account, rule.amount, rule.percent && `${rule.percent}%`, rule.window && `in ${rule.window}`, rule.minimum_requests && `from ${rule.minimum_requests} requests`, rule.pending && `more than ${rule.pending}`];
  return said.filter(Boolean).join(", ");
}

// one: the rule that is changed, with its tag; without it, one is made.
function RuleForm({ one, tag, close, done }) {
  const [name, call] = useState(one?.name || "");
  const [kind, turn] = useState(one?.kind || "absolute_usd");
  const [level, grade] = useState(one?.level || "");
  const [values, set] = useState(() => Object.fromEntries(Object.entries(one || {}).filter(([field, value]) => field in FIELDS && value !== null).map(([field, value]) => [field, String(value)])));
  const takes = KINDS[kind][1];
  const address = `/api/v1/alert-rules/${encodeURIComponent(one?.id || "")}`;
  const [, sent] = useOpened(address, one, tag);
  const typed = (field) => {
    const text = values[field]?.trim();
    if (!text) return one ? null : undefined;
    return NUMBERS.has(field) ? Number(text) : text;
  };
  const send = async () => {
    const asked = Object.fromEntries(takes.map((field) => [field, typed(field)]));
    if (level || one) asked.level = level || null;
    if (one) await sent((options) => patch(address, asked, options));
    else await post("/api/v1/alert-rules", { name: name.trim(), kind, ...asked });
    said(one ? `${one.name} is changed` : `${name.trim()} is added`);
    close();
    done();
  };
  return html`<${FormDialog} title=${one ? `Change ${one.name}` : "Add a rule"} close=${close} send=${send} action=${one ? "Save" : "Add rule"} fields=${["name", "kind", ...takes]}>
    ${(error) => html`
      ${one ? html`<p class="muted">${KINDS[kind][0]}. What it was raised for before is over.</p>` : html`
        <${Field} label="Name" value=${name} set=${call} fault=${error?.fields.get("name")} hint="Letters, digits, . _ and -." autofocus />
        <${Field} label="Raised when somebody or something" value=${kind} set=${turn} options=${Object.entries(KINDS).map(([of, [text]]) => [of, text])} fault=${error?.fields.get("kind")} />`}
      ${takes.map((field) => html`<${Field} key=${field} label=${FIELDS[field][0]} hint=${FIELDS[field][1]} value=${values[field] || ""} set=${(value) => set({ ...values, [field]: value })} fault=${error?.fields.get(field)} inputmode=${NUMBERS.has(field) ? "numeric" : undefined} />`)}
      <${Field} label="Level" value=${level} set=${grade} options=${LEVELS} />
      <${ChangedMeanwhile} error=${error} />`}
  <//>`;
}
