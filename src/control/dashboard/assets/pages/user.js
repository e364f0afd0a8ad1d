// One user: limits, keys, what was spent on what, and what was done to it.
import { html, useEffect, useState } from "../lib/html.js";
import { get, getTagged, may, post, query, remove } from "../lib/api.js";
import { dailyDollars, dayName, dollars } from "../lib/days.js";
import { count, short, usd } from "../lib/format.js";
import { on } from "../lib/live.js";
import { Link, go, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { absolute } from "../lib/time.js";
import { failed, said } from "../lib/toasts.js";
import { useAsked, useCalmly } from "../lib/use.js";
import { zone } from "../lib/zone.js";
import { Ago } from "../components/ago.js";
import { AlertTable } from "../components/alert-list.js";
import { Badge } from "../components/badge.js";
import { Shares, TimeBars } from "../components/chart.js";
import { Confirm } from "../components/dialog.js";
import { Icon } from "../components/icon.js";
import { EditUser } from "../components/edit-user.js";
import { Forecast } from "../components/forecast.js";
import { CreateKey, KeyTable } from "../components/keys.js";
import { Bump, Limits, Reset, SetLimits } from "../components/limits.js";
import { RequestTable } from "../components/requests.js";
import { Head } from "../components/shell.js";
import { Bones, Card, Fault, Nothing } from "../components/state.js";

const DAYS = 30;
const LATEST = 10;
// With so many limits, what stands below them goes to the other column.
const MANY = 3;

export default function User() {
  const { path } = useStore(place);
  const id = decodeURIComponent(path.split("/")[2]);
  return html`<${Of} key=${id} id=${id} />`;
}

function Of({ id }) {
  const name = encodeURIComponent(id);
  useStore(zone);
  const [open, show] = useState(null);
  const nothing = async () => [];
  const data = (text) => async (signal) => (await get(text, { signal })).data;
  const user = useAsked((signal) => getTagged(`/api/v1/users/${name}`, { signal }), id);
  const keys = useAsked(may("keys:read") ? data(`/api/v1/keys?user=${name}&limit=200`) : nothing, id);
  const alerts = useAsked(may("alerts:read") ? data(`/api/v1/alerts?account=user:${name}&limit=10`) : nothing, id);
  // What the token may not see is not asked for, and its card is not there.
  const looks = may("usage:read");
  const usage = useAsked(!looks ? nothing : data(`/api/v1/analytics/usage?user=${name}&group_by=user&since=${DAYS}d&detail=true`), id);
  const byDay = useAsked(!looks ? nothing : data(`/api/v1/analytics/usage?user=${name}&group_by=day&since=${DAYS}d`), id);
  const byModel = useAsked(!looks ? nothing : data(`/api/v1/analytics/usage?user=${name}&group_by=model&since=${DAYS}d`), id);
  const requests = useAsked(!looks ? nothing : (signal) => latest(id, signal), id);
  const audit = useAsked(may("audit:read") ? data(`/api/v1/audit?account=user:${name}&limit=10`) : nothing, id);
  const forecast = useAsked(looks ? (signal) => get(`/api/v1/forecast?account=user:${name}`, { signal }) : nothing, id);
  const often = useCalmly(() => [user, requests].forEach((asked) => asked.again()), 2000);
  const seldom = useCalmly(() => [byDay, byModel, usage, keys, alerts, forecast].forEach((asked) => asked.again()), 10_000);
  useEffect(() => {
    const moved = (map) => map.has(`user:${id}`) && (often(), seldom());
    const off = [on("update", moved), on("stale", () => (often(), seldom()))];
    return () => off.forEach((end) => end());
  }, [id]);
  if (user.error?.status === 404) return html`<${Nothing} icon="users" title="There is no such user" text=${`Nobody is called ${id}, or it belongs to another workspace.`}><${Link} to="/users" class="button">All users<//><//>`;
  if (!user.value) return html`<${Head} title=${id} /><${Fault} error=${user.error} again=${user.again} />${!user.error && html`<section class="card"><${Bones} rows=${8} /></section>`}`;
  const { value: one, tag } = user.value;
  const close = () => show(null);
  const done = () => [user, audit].forEach((asked) => asked.again());
  const account = `user:${id}`;
  const facts = html`<${Card} id="facts" title="Account"><div class="body"><${Facts} one=${one} sums=${looks ? usage.value?.[0] || {} : null} /></div><//>`;
  return html`
    <${Head} title=${one.name || id} sub=${html`<span class="row"><code>${account}</code><span>in ${one.workspace}</span><${Badge} status=${one.status} /></span>`}>
      <${Actions} one=${one} show=${show} done=${done} />
    <//>
    <${Fault} error=${user.error} again=${user.again} />
    <div class="stack">
      <div class="columns">
        <div class="stack">
          <${Card} id="limits" title="Limits" empty=${() => one.limits.length === 0 && html`<${Nothing} icon="gear" title="No limit" text=${`${usd(one.llm_quota.dollars_used)} spent this month.`} command=${`farebox limits set ${account} 25usd/month`} />`}>
            <div class="body"><${Limits} limits=${one.limits} status=${one.status} ended=${user.again} /></div>
          <//>
          ${one.limits.length < MANY && facts}
          ${looks && html`<${Card} id="models" title=${`Spent by model, ${DAYS} days`} asked=${byModel} empty=${(sums) => sums.length === 0 && html`<${Nothing} title="No model was used" />`}>${(sums) => html`<div class="body"><${Shares} rows=${sums.map((sum) => ({ name: sum.model, value: sum.cost_nanousd / 1e9 }))} say=${dollars} /></div>`}<//>`}
        </div>
        <div class="stack">
          ${looks && html`<${Card} id="forecast" title="Budget used, and forecast" asked=${forecast} rows=${8}>${(told) => html`<div class="body"><${Forecast} told=${told} user=${id} /></div>`}<//>`}
          ${looks && html`<${Card} id="days" title=${`Spent by day, ${DAYS} days`} asked=${byDay}>${(sums) => html`<div class="body"><${TimeBars} title="Spent" points=${dailyDollars(sums, DAYS)} say=${dollars} when=${dayName} /></div>`}<//>`}
          ${one.limits.length >= MANY && facts}
        </div>
      </div>
      ${may("keys:read") && html`<${Card} id="keys" title="Keys" asked=${keys} actions=${may("keys:write") && html`<button class="button tiny" type="button" onClick=${() => show("key")}><${Icon} name="plus" size=${14} />Create key</button>`} empty=${(all) => all.length === 0 && html`<${Nothing} icon="key" title="No key yet" text="Without a key it cannot call." command=${`farebox keys create --user ${id}`} />`}>
        ${(all) => html`<${KeyTable} keys=${working(all)} again=${keys.again} owner=${false} />`}
      <//>`}
      ${looks && html`<${Card} id="calls" title="Latest requests" asked=${requests} actions=${html`<${Link} to=${`/requests?user=${name}`}>All requests<//>`} empty=${(all) => all.length === 0 && html`<${Nothing} icon="list" title="No request yet" />`}>
        ${(all) => html`<${RequestTable} requests=${all} owner=${false} />`}
      <//>`}
      ${may("alerts:read") && html`<${Card} id="alerts" title="Alerts" asked=${alerts} actions=${html`<${Link} to="/alerts">All alerts<//>`} empty=${(all) => all.length === 0 && html`<${Nothing} icon="bell" title="No alerts yet" />`}>
        ${(all) => html`<${AlertTable} alerts=${all} again=${alerts.again} owner=${false} />`}
      <//>`}
      ${may("audit:read") && html`<${Card} id="audit" title="What was changed" asked=${audit} actions=${html`<${Link} to=${`/settings?section=audit&account=${encodeURIComponent(account)}`}>All changes<//>`} empty=${(all) => all.length === 0 && html`<${Nothing} title="Nothing yet" />`}>
        ${(all) => html`<ul class="list">${all.map((entry) => html`<li key=${entry.id} class="row"><code>${entry.action}</code><span>by ${entry.actor}</span><span class="muted small"><${Ago} at=${entry.time} />, ${entry.source}</span></li>`)}</ul>`}
      <//>`}
    </div>
    ${open === "set" && html`<${SetLimits} account=${account} limits=${one.limits} tag=${tag} close=${close} done=${done} />`}
    ${open === "edit" && html`<${EditUser} one=${one} tag=${tag} close=${close} done=${done} />`}
    ${open === "bump" && html`<${Bump} accounts=${[account]} close=${close} done=${done} />`}
    ${open === "reset" && html`<${Reset} account=${account} close=${close} done=${done} />`}
    ${open === "key" && html`<${CreateKey} user=${id} close=${close} done=${keys.again} />`}
    ${open === "delete" && html`<${Confirm} title=${`Delete ${id}?`} text="Its keys stop working at once. What it spent stays in the history." action="Delete" typed=${id} close=${close} send=${async () => { await remove(`/api/v1/users/${name}`); said(`${id} is deleted`); go("/users"); }} />`}`;
}

// Those that work first.
const working = (keys) => [...keys].sort((a, b) => Number(a.status === "revoked" || a.status === "expired") - Number(b.status === "revoked" || b.status === "expired"));

// A page of calls may be short, or empty, and go on.
async function latest(user, signal) {
  const found = [];
  let after = null;
  do {
    const page = await get(`/api/v1/requests${query({ user, limit: LATEST, after })}`, { signal });
    found.push(...page.data);
    after = page.next_cursor;
  } while (after && found.length < LATEST);
  return found.slice(0, LATEST);
}

function Actions({ one, show, done }) {
  const name = encodeURIComponent(one.id);
  const turn = async (verb) => {
    try {
      await post(`/api/v1/users/${name}/${verb}`);
      const back = verb === "suspend" ? "resume" : "suspend";
      said(`${one.id} is ${verb === "suspend" ? "suspended" : "resumed"}`, "", () => post(`/api/v1/users/${name}/${back}`).then(done, (why) => failed("Not undone", why)));
      done();
    } catch (why) {
      failed("It was not changed", why);
    }
  };
  const button = (text, icon, act, danger = "") => html`<button class="button ${danger}" type="button" onClick=${act}><${Icon} name=${icon} />${text}</button>`;
  return html`
    ${may("users:write") && button("Edit", "edit", () => show("edit"))}
    ${may("limits:write") && button("Raise", "up", () => show("bump"))}
    ${may("limits:write") && button("Set limits", "gear", () => show("set"))}
    ${may("budget:reset") && one.limits.length > 0 && button("Reset", "refresh", () => show("reset"))}
    ${may("users:write") && (one.status === "suspended" ? button("Resume", "play", () => turn("resume")) : button("Suspend", "pause", () => turn("suspend"), "danger"))}
    ${may("users:write") && button("Delete", "trash", () => show("delete"), "danger")}`;
}

function Facts({ one, sums }) {
  const hit = sums?.input_tokens > 0 ? sums.cached_input_tokens / sums.input_tokens : null;
  const facts = [
    ["Spent ever", html`<span class="figures" title=${`$${one.spent_usd}`}>${usd(one.spent_usd)}</span>`],
    ["Requests", html`<span class="figures" title=${count(one.total_requests)}>${short(one.total_requests)}</span>`],
    sums && ["From caches", hit === null ? html`<span class="muted">no input yet</span>` : `${Math.round(hit * 100)}% of the input, ${DAYS} days`],
    ["Limits from", one.follows_defaults ? "the defaults of the configuration" : "its own"],
    ["Alerts at", one.thresholds.map((at) => `${at}%`).join(", ")],
    ["Enforcement", one.enforcement],
    ["Created", absolute(one.created)],
    ["Last seen", html`<${Ago} at=${one.last_seen} />`],
  ].filter(Boolean);
  return html`<dl class="facts">${facts.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd class="break">${value}</dd>`)}</dl>`;
}
