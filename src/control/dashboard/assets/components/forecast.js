// What an account has spent since its period began, and what it will have spent when the period
// ends: as a curve with its limit, and in words.
import { html, useMemo } from "../lib/html.js";
import { get, query } from "../lib/api.js";
import { dayAt, dollars } from "../lib/days.js";
import { exactUsd, usd } from "../lib/format.js";
import { absolute, ago, now } from "../lib/time.js";
import { useAsked } from "../lib/use.js";
import { midnight, there, zone } from "../lib/zone.js";
import { axis, token, usePlot } from "./plot.js";

const DAY = 86_400;
const NANO = 1e9;

export function Forecast({ told, user }) {
  const over = told.exhausts_at !== null;
  return html`<div class="stack">
    ${told.resets_at && begin(told) !== null && html`<${Curve} told=${told} user=${user} />`}
    <dl class="facts">
      <dt>Projected</dt><dd><span class="figures strong" title=${exactUsd(told.projected_usd)}>${usd(told.projected_usd)}</span> ${told.period === "total" ? "" : html`by the end of the ${told.period}`}</dd>
      <dt>Between</dt><dd class="figures">${usd(told.low_usd)} and ${usd(told.high_usd)}</dd>
      <dt>Used up</dt><dd>${over ? html`<span title=${absolute(told.exhausts_at)}>${usedUp(told)}</span>` : html`<span class="muted">${told.allowed_usd === null ? "no limit" : `not in this ${told.period}`}</span>`}</dd>
    </dl>
  </div>`;
}

// When nothing will be left, in words.
export const usedUp = ({ exhausts_at: at, used_nanousd: used, allowed_nanousd: allowed }) => (!at ? "–" : used >= allowed ? "already" : ago(at));

// When the period began, in unix seconds; null where it is none of the calendar.
function begin({ period, resets_at: resets }) {
  const { year, month, day } = there(Date.parse(resets));
  if (period === "month") return midnight(year, month - 1, day) / 1000;
  if (period === "week") return midnight(year, month, day - 7) / 1000;
  return period === "day" ? midnight(year, month, day - 1) / 1000 : null;
}

function Curve({ told, user }) {
  const from = begin(told);
  const bucket = told.period === "day" ? "hour" : "day";
  const ask = { metric: "cost", bucket, user, start_time: new Date(from * 1000).toISOString() };
  const series = useAsked((signal) => get(`/api/v1/analytics/series${query(ask)}`, { signal }), `${user} ${from} ${told.used_nanousd}`);
  const points = useMemo(() => used(series.value?.data || [], { told, from, step: bucket === "day" ? DAY : 3600 }), [series.value, told]);
  const hourly = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", timeZone: zone.get() });
  const when = (at) => (bucket === "hour" ? hourly.format(new Date(at * 1000)) : dayAt(at));
  const to = Date.parse(told.resets_at) / 1000;
  const at = usePlot((_, size) => [options(size, when, ceiling(told)), columns(points, told, to)], [points]);
  return html`<figure class="chart">
    <div ref=${at} class="plot" aria-hidden="true"></div>
    <figcaption class="key small muted"><span class="used">Used</span><span class="projected">Projected, with its range</span>${told.allowed_usd !== null && html`<span class="limit">Limit</span>`}</figcaption>
    <details><summary>Used and projected as a table</summary>
      <div class="table-frame" tabindex="0" role="group" aria-label="Used and projected"><table><thead><tr><th scope="col">Time</th><th scope="col" class="end">Used in all</th></tr></thead>
        <tbody>${points.map(([x, y]) => html`<tr key=${x}><td>${when(x)}</td><td class="end figures">${dollars(y)}</td></tr>`)}
          <tr><td>${when(to)}, projected</td><td class="end figures">${usd(told.projected_usd)}</td></tr></tbody></table></div>
    </details>
  </figure>`;
}

// [[unix seconds, dollars used since the period began]], up to now. What a reset took off is taken
// off what came first, so that the curve ends at what is used.
function used(buckets, { told, from, step }) {
  const at = now() / 1000;
  const sums = [];
  let sum = 0;
  for (const { start_time, results } of buckets) {
    sum += results[0]?.cost_nanousd || 0;
    const end = Date.parse(start_time) / 1000 + step;
    if (end > from && end < at) sums.push([end, sum]);
  }
  const off = Math.max(0, sum - told.used_nanousd);
  return [[from, 0], ...sums.map(([x, y]) => [x, Math.max(0, y - off) / NANO]), [at, told.used_nanousd / NANO]];
}

function columns(points, told, to) {
  const till = (end) => [...points.slice(1).map(() => null), points.at(-1)[1], end / NANO];
  const allowed = told.allowed_nanousd === null ? null : told.allowed_nanousd / NANO;
  const xs = [...points.map(([x]) => x), to];
  return [xs, till(told.high_nanousd), till(told.low_nanousd), [...points.map(([, y]) => y), null], till(told.projected_nanousd), xs.map(() => allowed)];
}

// A wide range is cut off above, so that the limit and what is used can be seen.
const ceiling = (told) => (1.3 * Math.max(told.used_nanousd, told.projected_nanousd, told.allowed_nanousd || 0)) / NANO;

function options(size, when, most) {
  const line = { points: { show: false }, spanGaps: true, width: 2, stroke: token("--accent") };
  const faint = { ...line, width: 1, stroke: token("--line-strong"), dash: [2, 3] };
  return {
    ...size,
    legend: { show: false },
    cursor: { show: false },
    padding: [12, 26, 0, 0],
    scales: { y: { range: (_, least, high) => [0, Math.min(most, high * 1.1) || 1] } },
    axes: [{ ...axis(), size: 28, grid: { show: false }, space: 64, values: (_, ticks) => ticks.map(when) }, { ...axis(), size: 58, values: (_, ticks) => ticks.map(dollars) }],
    bands: [{ series: [1, 2], fill: token("--accent-soft") }],
    series: [{}, faint, faint, { ...line, fill: token("--accent-soft") }, { ...line, dash: [6, 4] }, { ...line, width: 1.5, stroke: token("--bar-over") }],
  };
}
