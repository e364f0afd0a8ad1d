// Settled calls, newest first, and how many there were along time. The address says which are shown,
// and which one is open.
import { html, useEffect } from "../lib/html.js";
import { all } from "../lib/api.js";
import { save } from "../lib/files.js";
import { csv } from "../lib/format.js";
import { useList } from "../lib/lists.js";
import { on } from "../lib/live.js";
import { ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { failed } from "../lib/toasts.js";
import { useCalmly } from "../lib/use.js";
import { Pick, Typed } from "../components/field.js";
import { Histogram } from "../components/histogram.js";
import { Icon } from "../components/icon.js";
import { RequestPanel } from "../components/request.js";
import { RequestTable } from "../components/requests.js";
import { Search } from "../components/search.js";
import { Head } from "../components/shell.js";
import { Bones, Fault, Nothing } from "../components/state.js";

const SINCE = [["", "Any time"], ["1h", "Last hour"], ["24h", "Last day"], ["7d", "Last 7 days"], ["30d", "Last 30 days"]];
// What stands in the address, and in which parameter.
const ENDED = [["", "However it ended"], ["ending=finished", "To its end"], ["status=4xx", "Failed, 4xx"], ["status=5xx", "Failed, 5xx"], ["ending=cut", "Cut by the provider"], ["ending=left", "Left by the client"], ["ending=orphaned", "Orphaned"]];
const MOST = 50_000;

export default function Requests() {
  const { query } = useStore(place);
  const asked = { user: query.get("user") || "", model: query.get("model") || "", since: query.get("since") || "", ending: query.get("ending") || "", status: query.get("status") || "" };
  const open = query.get("id");
  const list = useList("/api/v1/requests", asked);
  const filtered = asked.user || asked.model || asked.since || asked.ending || asked.status;
  const none = list.error?.status === 404;
  // Newer calls come in while the head of the list is looked at.
  const fresh = useCalmly(() => scrollY < 200 && (list.rows?.length || 0) <= 100 && list.again(), 3000);
  useEffect(() => {
    const off = [on("update", fresh), on("stale", fresh)];
    return () => off.forEach((end) => end());
  }, [fresh]);
  const download = async () => {
    try {
      const found = await all("/api/v1/requests", asked, MOST);
      const names = ["id", "settled", "user", "key", "workspace", "provider", "credential", "model", "status", "ending", "estimated", "cost_usd", "duration_ms"];
      save("requests.csv", "text/csv", csv([names, ...found.map((one) => names.map((name) => one[name]))]));
    } catch (why) {
      failed("The list could not be saved", why);
    }
  };
  return html`
    <${Head} title="Requests" sub="Calls that are settled. Refused ones are not here; prompts are never kept.">
      <button class="button" type="button" onClick=${download}><${Icon} name="download" />CSV</button>
    <//>
    <div class="filters">
      <${Search} label="Requests of user" value=${asked.user} set=${(user) => ask({ user })} />
      <${Typed} label="Model" value=${asked.model} set=${(model) => ask({ model })} />
      <${Pick} label="Since" value=${asked.since} set=${(since) => ask({ since })} options=${SINCE} />
      <${Pick} label="Ending" value=${ended(asked)} set=${(text) => ask({ ending: "", status: "", ...Object.fromEntries(new URLSearchParams(text)) })} options=${ENDED} />
    </div>
    ${!none && html`<${Fault} error=${list.error} again=${list.again} />`}
    <div class="stack">
    <${Histogram} user=${asked.user} model=${asked.model} since=${asked.since} partly=${asked.ending || asked.status} />
    <section class="card">
      ${list.rows === null && !list.error ? html`<${Bones} rows=${10} />`
        : none || (list.rows?.length === 0 && !list.more)
          ? html`<${Nothing} icon="list" title=${filtered ? "No request is like that" : "No request yet"} text=${filtered ? "No settled call fits the filters." : "Calls appear here when they are settled."} command=${filtered ? undefined : "farebox tail"} />`
          : list.rows && html`<${RequestTable} requests=${list.rows} more=${list.more} busy=${list.loading} open=${(one) => ask({ id: one.id })} />`}
    </section>
    </div>
    ${open && html`<${RequestPanel} key=${open} id=${open} known=${list.rows?.find((one) => one.id === open)} close=${() => ask({ id: "" })} />`}`;
}

const ended = ({ ending, status }) => (status ? `status=${status}` : ending ? `ending=${ending}` : "");
