// The ledger: whether its sums are right, what its journal put aside, and orphaned calls.
import { html, useState } from "../lib/html.js";
import { get, may, post } from "../lib/api.js";
import { count, exactUsd, usd } from "../lib/format.js";
import { useList } from "../lib/lists.js";
import { said } from "../lib/toasts.js";
import { useAsked } from "../lib/use.js";
import { Ago } from "../components/ago.js";
import { Confirm } from "../components/dialog.js";
import { Icon } from "../components/icon.js";
import { RequestTable } from "../components/requests.js";
import { Card, Fault } from "../components/state.js";
import { Table } from "../components/table.js";

export function Soundness() {
  const [found, tell] = useState(null);
  const [error, fail] = useState(null);
  const [busy, work] = useState(false);
  const verify = async () => {
    work(true);
    tell(null);
    fail(null);
    try {
      tell(await get("/api/v1/ledger/verify"));
    } catch (why) {
      fail(why);
    }
    work(false);
  };
  return html`<${Card} id="ledger" title="Ledger"><div class="body stack">
    <p>Adds everything up again and compares: accounts with their calls, what is held with open holds, workspaces with their users.</p>
    <div class="row"><button class="button" type="button" disabled=${busy} onClick=${verify}><${Icon} name="check" />${busy ? "Checking…" : "Verify the ledger"}</button></div>
    <${Fault} error=${error} />
    ${found && html`<div role="status">${found.ok ? html`<p class="row"><span class="badge ok"><${Icon} name="check" size=${13} />Sound</span>${count(found.checked)} checked, all sound.</p>` : html`<div class="alert"><${Icon} name="triangle" /><div><p class="strong">${count(found.violations.length)} of ${count(found.checked)} do not add up</p><ul>${found.violations.map((line) => html`<li key=${line} class="break">${line}</li>`)}</ul><p>Keep the journal and a copy of the ledger, and see <code>ledger verify</code> in docs/ledger.md.</p></div></div>`}</div>`}
  </div><//>`;
}

const VERDICTS = { due: "due: not charged yet", charged: "charged now", charged_before: "was charged before", nothing: "asks for nothing", unclear: "unclear" };

// Settlements that could not be delivered for so long that they are not charged unseen.
export function PutAside() {
  const asked = useAsked(async (signal) => (await get("/api/v1/ledger/unapplied", { signal })).data, "unapplied");
  const [open, show] = useState(false);
  const due = (asked.value || []).filter(({ verdict }) => verdict === "due").length;
  if (asked.value?.length === 0) return null;
  const send = async () => {
    const { data } = await post("/api/v1/ledger/replay");
    said(`${count(data.filter(({ verdict }) => verdict === "charged").length)} settlements are charged`);
    show(false);
    asked.again();
  };
  return html`<${Card} id="aside" title="Put aside by the journal" asked=${asked} rows=${2} actions=${due > 0 && may("admin") && html`<button class="button tiny" type="button" onClick=${() => show(true)}>Charge what is due</button>`}>
      ${(found) => html`<div class="body"><p>They could not be delivered for 23 hours. Charge those that are due, here or with <code>farebox ledger replay</code>.</p></div>
        <${Table} label="Put aside" keyOf=${(one) => one.id} rows=${found} columns=${[
          { id: "started", title: "Started", cell: (one) => html`<span data-row tabindex="0"><${Ago} at=${one.started} never="unknown" /></span>` },
          { id: "user", title: "User", class: "w-name", cell: (one) => html`<div class="clip">${one.user || "–"}</div>` },
          { id: "model", title: "Model", far: true, class: "w-name", cell: (one) => html`<div class="clip">${one.model || "–"}</div>` },
          { id: "verdict", title: "What of it", cell: (one) => html`<div>${VERDICTS[one.verdict] || one.verdict}</div>${one.detail && html`<div class="under">${one.detail}</div>`}` },
          { id: "cost", title: "Cost", end: true, cell: (one) => html`<span title=${exactUsd(one.cost_usd)}>${usd(one.cost_usd)}</span>` },
        ]} />`}
    <//>
    ${open && html`<${Confirm} title=${`Charge ${count(due)} settlements?`} text="They are charged in the periods of now. Nothing is charged twice." action="Charge" close=${() => show(false)} send=${send} />`}`;
}

export function Orphans() {
  const list = useList("/api/v1/ledger/orphans", {});
  const asked = { value: list.rows, error: list.error, loading: list.loading, again: list.again };
  return html`<${Card} id="orphans" title="Orphaned calls" asked=${asked} rows=${2} empty=${(found) => found.length === 0 && !list.more && html`<div class="body"><p class="row"><span class="badge ok"><${Icon} name="check" size=${13} />None</span>No proxy died with calls in flight.</p></div>`}>
    ${(found) => html`${found.length > 0 && html`<div class="body"><p>Their proxy died before they were settled. Each was charged what it was expected to cost when its hold ran out. If many come, look why proxies die: memory, or a stop without draining.</p></div>`}
      <${RequestTable} requests=${found} more=${list.more} busy=${list.loading} />`}
  <//>`;
}
