// How things stand: what is spent, who spends it, which providers serve, what was raised.
import { html, useEffect, useState } from "../lib/html.js";
import { get, may, query } from "../lib/api.js";
import { dailyDollars, dayName, dollars } from "../lib/days.js";
import { count, short, usd } from "../lib/format.js";
import { metrics } from "../lib/metrics.js";
import { on } from "../lib/live.js";
import { Link } from "../lib/router.js";
import { day, now } from "../lib/time.js";
import { useStore } from "../lib/store.js";
import { useAsked, useCalmly } from "../lib/use.js";
import { headline } from "../lib/words.js";
import { midnight, there, zone } from "../lib/zone.js";
import { Ago } from "../components/ago.js";
import { Badge } from "../components/badge.js";
import { Shares, TimeBars } from "../components/chart.js";
import { Choice } from "../components/field.js";
import { Meter } from "../components/meter.js";
import { Head } from "../components/shell.js";
import { Card, Nothing } from "../components/state.js";

const DAYS = 30;
const PACE_DAYS = 7;
const data = (path) => async (signal) => (await get(path, { signal })).data;
// What the token may not see is not asked for, and its card is not there.
const nothing = async () => [];
const curl = () => `curl ${location.protocol}//${location.hostname}:8080/v1/chat/completions -H 'Authorization: Bearer sk-fb-…' -H 'Content-Type: application/json' -d '{"model":"gpt-5","messages":[{"role":"user","content":"Hello"}]}'`;

export default function Overview() {
  const looks = may("usage:read");
  const usage = useAsked(looks ? data("/api/quota/usage") : nothing, "usage");
  const byDay = useAsked(looks ? data(`/api/v1/analytics/usage?group_by=day&since=${DAYS}d`) : nothing, "days");
  const [by, group] = useState("model");
  const parts = useAsked(!looks ? nothing : data(`/api/v1/analytics/usage?group_by=${by}&since=${DAYS}d`), by);
  const tight = useAsked(may("users:read") ? data("/api/v1/users?sort=-utilization&limit=6") : nothing, "tight");
  const pools = useAsked(may("providers:read") ? data("/api/v1/credentials?limit=50") : nothing, "pools");
  const alerts = useAsked(may("alerts:read") ? data("/api/v1/alerts?limit=6") : nothing, "alerts");
  const proxy = useAsked(metrics, "metrics");
  const pace = useAsked(looks ? lastHour : nothing, "pace");
  const often = useCalmly(() => [tight, proxy].forEach((asked) => asked.again()), 2000);
  const seldom = useCalmly(() => [usage, byDay, parts, pace].forEach((asked) => asked.again()), 15_000);
  const raised = useCalmly(() => alerts.again(), 1000);
  const served = useCalmly(() => pools.again(), 3000);
  useEffect(() => {
    const moved = () => (often(), seldom());
    const off = [on("update", moved), on("stale", moved), on("alert", raised), on("provider", served)];
    return () => off.forEach((end) => end());
  }, []);
  const idle = usage.value?.total_requests === 0 && byDay.value?.length === 0;
  return html`
    <${Head} title="Overview" sub="This month, all that you may see" />
    <div class="stack">
      ${looks && html`<${Numbers} usage=${usage} proxy=${proxy} pace=${pace} byDay=${byDay} />`}
      ${idle && html`<section class="card"><${Nothing} icon="bolt" title="No traffic yet" text="Create a user and a key, then send a first call through Farebox:" command=${curl()}><${Link} to="/users" class="button">Users<//><//></section>`}
      <div class="halves">
        ${looks && !idle && html`<${Card} id="by-day" title=${`Spent by day, ${DAYS} days`} asked=${byDay} rows=${7}>
            ${(sums) => html`<div class="body"><${Days} sums=${sums} /></div>`}
          <//>
          <${Card} id="parts" title=${`Spent by ${by}, ${DAYS} days`} asked=${parts} rows=${7} actions=${html`<${Choice} label="Spent by" value=${by} set=${group} options=${[["model", "Model"], ["user", "User"]]} />`} empty=${(sums) => sums.length === 0 && html`<${Nothing} title="Nothing was spent" />`}>
            ${(sums) => html`<div class="body"><${Shares} rows=${sums.map((sum) => ({ name: sum[by], value: sum.cost_nanousd / 1e9, link: by === "user" && html`<${Link} to=${`/users/${encodeURIComponent(sum.user)}`}>${sum.user}<//>` }))} say=${dollars} /></div>`}
          <//>`}
        ${may("users:read") && html`<${Card} id="tight" title="Closest to their limits" asked=${tight} actions=${html`<${Link} to="/users">All users<//>`} empty=${(users) => users.length === 0 && html`<${Nothing} icon="users" title="No users yet" command="farebox users create alice --limit 25usd/month" />`}>
          ${(users) => html`<ul class="list">${users.map((user) => html`<${Tight} key=${user.id} user=${user} />`)}</ul>`}
        <//>`}
        ${may("alerts:read") && html`<${Card} id="feed" title="Alerts" asked=${alerts} actions=${html`<${Link} to="/alerts">All alerts<//>`} empty=${(all) => all.length === 0 && html`<${Nothing} icon="bell" title="No alerts yet" />`}>
          ${(all) => html`<ul class="list">${all.map((one) => html`<li key=${one.id} class="row"><${Badge} status=${one.level} /><span class="break">${headline(one)}${one.limit && html`<span class="muted"> of ${one.limit}</span>`}</span><span class="muted small"><${Ago} at=${one.time} /></span></li>`)}</ul>`}
        <//>`}
      </div>
      ${may("providers:read") && html`<${Card} id="strip" title="Providers" asked=${pools} actions=${html`<${Link} to="/providers">All providers<//>`} rows=${2} empty=${(all) => all.length === 0 && html`<${Nothing} icon="cloud" title="No provider key configured" text="Calls are forwarded with your keys at providers." command="OPENAI_API_KEY=sk-… farebox serve" />`}>
        ${(all) => html`<ul class="tiles">${all.map((one) => html`<li key=${one.config_id}><p class="strong clip" title=${one.config_id}>${one.config_id}</p><p class="row"><${Badge} status=${one.status} /><span class="muted small figures">${short(one.request_count)} today</span></p></li>`)}</ul>`}
      <//>`}
    </div>`;
}

// Dollars of the last sixty minutes.
async function lastHour(signal) {
  const start_time = new Date(now() - 59 * 60_000).toISOString();
  const series = await get(`/api/v1/analytics/series${query({ metric: "cost", bucket: "minute", start_time })}`, { signal });
  return series.data.reduce((sum, { results }) => sum + (results[0]?.cost_nanousd || 0), 0) / 1e9;
}

function Numbers({ usage, byDay, proxy, pace }) {
  const place = useStore(zone);
  const today = byDay.value ? dailyDollars(byDay.value, 1)[0][1] : null;
  const told = usage.value;
  const ahead = told && byDay.value ? projected(Number(told.cost_usd), byDay.value) : null;
  const hit = told && told.total_tokens > 0 ? Math.round((told.cached_input_tokens / told.total_tokens) * 100) : null;
  const all = [
    ["Spent this month", told && usd(told.cost_usd), told && `since ${day(told.since)}`],
    ["Spent today", today === null ? null : cents(today), `since midnight, ${place}`],
    ["Projected this month", ahead === null ? null : cents(ahead), `at the pace of the last ${PACE_DAYS} days`],
    ["Spent in the last hour", pace.value === null ? null : cents(pace.value), "all that you may see"],
    ["Requests", told && short(told.total_requests), told && `${count(told.failed_requests)} failed at providers`],
    ["Tokens", told && short(told.total_tokens), hit === null ? "" : `${hit}% of them read from caches`],
    ...(proxy.value || (proxy.loading && !proxy.at) ? [
      ["In flight", proxy.value && count(proxy.value.flight), proxy.value && `${count(proxy.value.streams)} streaming, at this proxy`],
      ["Refused", proxy.value && count(proxy.value.refused), "since this proxy started"],
    ] : []),
  ];
  return html`<dl class="grid stats">${all.map(([name, value, beside]) => html`<div key=${name} class="card stat"><dt>${name}</dt><dd class="figures">${value ?? html`<span class="bone"></span>`}<div class="beside">${beside || " "}</div></dd></div>`)}</dl>`;
}

const cents = (value) => usd(value.toFixed(9));

// What the month will have cost if its rest goes on as the last days went.
function projected(spent, sums) {
  const days = dailyDollars(sums, PACE_DAYS + 1).slice(0, -1);
  const { year, month } = there();
  return spent + (days.reduce((sum, [, cost]) => sum + cost, 0) / PACE_DAYS) * ((midnight(year, month + 1) - now()) / 86_400_000);
}

function Days({ sums }) {
  return html`<${TimeBars} title="Spent" points=${dailyDollars(sums, DAYS)} say=${dollars} when=${dayName} />`;
}

function Tight({ user }) {
  const quota = user.llm_quota;
  return html`<li><div class="row" style=${{ justifyContent: "space-between" }}><${Link} to=${`/users/${encodeURIComponent(user.id)}`} class="strong clip"><bdi>${user.name || user.id}</bdi><//><${Badge} status=${user.status} /></div>
    <${Meter} value=${quota.utilization_percent} used=${quota.dollars_used} limit=${quota.dollars_per_period} status=${user.status} label=${`Quota of ${user.id}`} /></li>`;
}
