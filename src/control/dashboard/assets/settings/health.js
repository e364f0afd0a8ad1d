// System health: whether this proxy takes calls, what to do where it does not, and its ledger.
import { html, useEffect } from "../lib/html.js";
import { get, getText, login, may } from "../lib/api.js";
import { useAsked } from "../lib/use.js";
import { Ago } from "../components/ago.js";
import { Icon } from "../components/icon.js";
import { Card } from "../components/state.js";
import { Configuration } from "./configuration.js";
import { Orphans, PutAside, Soundness } from "./ledger.js";

const AGAIN = 10_000;
const STORES = { redis: "Redis", embedded: "embedded, in the data directory" };
// [what it is about, what to do where it fails]
const CHECKS = {
  ledger: ["The ledger answers", "What cannot be charged is refused, unless [ledger] on_outage says otherwise. See that Redis runs and can be reached (farebox doctor), or that the disk of the data directory is writable."],
  providers: ["A provider is configured", "Set the variable of a provider's key, or write [providers.NAME] into the configuration, and reload it."],
  draining: ["It takes new calls", "This proxy was told to stop: it ends the calls in flight and takes no new ones. Start it again if that was not meant."],
};

// [{name, fault}], as `/readyz` tells them: it answers also while the ledger does not.
async function checksNow(signal) {
  const lines = (await getText("/readyz?verbose", { signal })).split("\n").map((line) => line.match(/^\[([+-])\](\S+) (?:ok|failed: (.*))$/));
  return lines.filter(Boolean).map(([, sign, name, fault]) => ({ name, fault: sign === "-" ? fault : null }));
}

export function Health() {
  const checks = useAsked(checksNow, "checks");
  const system = useAsked((signal) => get("/api/v1/system", { signal }), "system");
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && checks.again(), AGAIN);
    return () => clearInterval(timer);
  }, [checks.again]);
  const everywhere = !login.get()?.workspace;
  return html`<div class="stack">
    <div class="halves">
      <${Card} id="checks" title="Checks of this proxy" asked=${checks} rows=${4}>${(found) => html`<ul class="list">${found.map((one) => html`<${Check} key=${one.name} one=${one} />`)}</ul>`}<//>
      <${Card} id="system" title="This process" asked=${system} rows=${4}>${(one) => html`<div class="body stack"><dl class="facts">
        <dt>Version</dt><dd>${one.version}</dd>
        <dt>Started</dt><dd><${Ago} at=${one.started} /></dd>
        <dt>Ledger</dt><dd>${STORES[one.ledger]}</dd>
        <dt>Days begin</dt><dd>at midnight in ${one.timezone}</dd>
      </dl><p class="small muted">With several proxies this is the one that answered. Machines ask <code>/readyz?verbose</code>.</p></div>`}<//>
    </div>
    <div class="halves">
      ${may("config:write") && everywhere && html`<${Configuration} />`}
      ${may("ledger:read") && everywhere && html`<${Soundness} />`}
    </div>
    ${may("ledger:read") && everywhere && html`<${PutAside} />`}
    ${may("ledger:read") && html`<${Orphans} />`}
  </div>`;
}

function Check({ one }) {
  const [text, way] = CHECKS[one.name] || [one.name, ""];
  return html`<li><div class="row"><span class="strong">${text}</span><span class="push"></span><span class="badge ${one.fault === null ? "ok" : "over"}"><${Icon} name=${one.fault === null ? "check" : "stop"} size=${13} />${one.fault === null ? "Fine" : "Failed"}</span></div>
    ${one.fault !== null && html`<p class="break">${one.fault}</p><p class="small muted">${way}</p>`}</li>`;
}
