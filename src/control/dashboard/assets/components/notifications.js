// The panel of notifications: what holds now, and the alerts of thirty days. Toasts are told here.
import { html, useEffect, useState } from "../lib/html.js";
import { all, get, may } from "../lib/api.js";
import { seenUntil, toastsWanted } from "../lib/choices.js";
import { on } from "../lib/live.js";
import { Link } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { day, now, withTimes } from "../lib/time.js";
import { toast } from "../lib/toasts.js";
import { useAsked, useCalmly } from "../lib/use.js";
import { headline } from "../lib/words.js";
import { Ago } from "./ago.js";
import { Badge } from "./badge.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";
import { Meter } from "./meter.js";
import { Bones, Fault, Nothing } from "./state.js";

const DAYS = 30;
const MOST = 400;

export function Notifications() {
  const [open, show] = useState(false);
  const seen = useStore(seenUntil);
  const allowed = may("alerts:read");
  const history = useAsked((signal) => (allowed ? recent(signal) : []), "alerts");
  const again = useCalmly(history.again, 1500);
  useEffect(() => on("alert", (alert) => {
    announce(alert);
    again();
  }), []);
  useEffect(() => on("stale", again), []);
  const alerts = history.value || [];
  const unread = alerts.filter((alert) => alert.time > seen).length;
  const close = () => {
    if (alerts.length) seenUntil.set(alerts[0].time);
    show(false);
  };
  const said = unread ? `Notifications, ${unread} unread` : "Notifications";
  return html`<button class="button bare icon dot-count" type="button" aria-label=${said} title="Notifications" aria-haspopup="dialog" onClick=${() => show(true)}>
      <${Icon} name="bell" size=${18} />${unread > 0 && html`<span class="n" aria-hidden="true">${unread > 99 ? "99+" : unread}</span>`}
    </button>
    ${open && html`<${Panel} close=${close} history=${history} seen=${seen} />`}`;
}

async function recent(signal) {
  const since = new Date(now() - DAYS * 86_400_000).toISOString();
  const found = await all("/api/v1/alerts", {}, MOST, signal);
  return found.filter((alert) => alert.time > since);
}

function announce(alert) {
  const { account, level, limit, rule, suppressed } = alert;
  if (suppressed) return;
  const over = level === "exceeded";
  toast({ tone: over ? "over" : "warn", title: headline(alert), text: limit ? `of ${limit}` : "", stays: over, unasked: true, about: `${account} ${limit} ${rule}` });
}

function Panel({ close, history, seen }) {
  const wanted = useStore(toastsWanted);
  const notices = useAsked(async (signal) => (await get("/api/quota/notifications", { signal })).data, "notices");
  return html`<${Dialog} title="Notifications" close=${close} panel>
    <div class="stack">
      <label class="row"><input type="checkbox" checked=${wanted === "on"} onChange=${(event) => toastsWanted.set(event.target.checked ? "on" : "off")} />Show new alerts as toasts</label>
      <section><h3>Now</h3>
        <${Fault} error=${notices.error} again=${notices.again} />
        ${notices.value === null ? !notices.error && html`<${Bones} rows=${3} />` : notices.value.length === 0 ? html`<p class="muted">Nobody is near a limit.</p>` : html`<ul class="list">${notices.value.map((one) => html`<${Notice} key=${one.id} one=${one} close=${close} />`)}</ul>`}
      </section>
      <section><h3>Last ${DAYS} days</h3>
        <${Fault} error=${history.error} again=${history.again} />
        ${history.value === null ? !history.error && html`<${Bones} rows=${3} />` : history.value.length === 0 ? html`<${Nothing} icon="bell" title="No alerts yet" text="An alert is raised when a user, key or workspace crosses a threshold of a limit." />` : html`<ul class="list">${history.value.map((one) => html`<${Raised} key=${one.id} one=${one} fresh=${one.time > seen} close=${close} />`)}</ul>`}
      </section>
    </div>
  <//>`;
}

function Notice({ one, close }) {
  return html`<li><div class="row"><${Badge} status=${one.level} /><span class="small muted">${one.since ? `period from ${day(one.since)}` : ""}</span></div>
    <p class="strong break">${one.title}</p><p class="small break">${withTimes(one.message)}</p><p class="small muted">${one.suggested_action}</p>
    <${Account} id=${one.account} close=${close} /></li>`;
}

function Raised({ one, fresh, close }) {
  return html`<li><div class="row"><${Badge} status=${one.level} />${fresh && html`<span class="badge warn">new</span>`}<span class="small muted"><${Ago} at=${one.time} /></span></div>
    <p class="break">${one.rule ? headline(one) : html`<${Account} id=${one.account} close=${close} />`} <span class="muted">${one.limit || one.rule || ""}</span></p>
    ${one.usage_percent !== null && html`<${Meter} value=${one.usage_percent} label=${`Usage of ${one.account}`} />`}</li>`;
}

// A link to a user; the rest are named only.
function Account({ id, close }) {
  if (!id) return null;
  if (!id.startsWith("user:")) return html`<code>${id}</code>`;
  return html`<span onClick=${close}><${Link} to=${`/users/${encodeURIComponent(id.slice(5))}`}><code>${id}</code><//></span>`;
}
