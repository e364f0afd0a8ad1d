// How many calls were settled along time, and how many of them failed at their provider. The frame
// has its height before anything is known, so that nothing below it moves.
import { html, useEffect, useMemo } from "../lib/html.js";
import { get, query } from "../lib/api.js";
import { dayName, dayOf } from "../lib/days.js";
import { count, short } from "../lib/format.js";
import { on } from "../lib/live.js";
import { useStore } from "../lib/store.js";
import { now } from "../lib/time.js";
import { useAsked, useCalmly } from "../lib/use.js";
import { zone } from "../lib/zone.js";
import { axis, token, usePlot } from "./plot.js";
import { Bones, Fault } from "./state.js";

const HOUR = 3600;
const DAY = 24 * HOUR;
// Of `since`: its words, its length, the buckets that are asked for, and how long a bar is.
const SPANS = {
  "1h": { text: "by minute, last hour", length: HOUR, bucket: "minute", step: 60 },
  "24h": { text: "by hour, last day", length: DAY, bucket: "hour", step: HOUR },
  "7d": { text: "by six hours, last 7 days", length: 7 * DAY, bucket: "hour", step: 6 * HOUR },
  "30d": { text: "by day, last 30 days", length: 30 * DAY, bucket: "day", step: DAY },
};
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const hour = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const AGAIN = 10_000;

// partly: the list below shows fewer calls than are counted here.
export function Histogram({ user, model, since, partly }) {
  const span = SPANS[since] || SPANS["30d"];
  const { bucket, step, length } = span;
  const start = () => (bucket === "day" ? now() / 1000 - (length - DAY) : Math.floor(now() / 1000 / step) * step - (length - step));
  const ask = () => ({ metric: "failed_share", bucket, user, model, start_time: new Date(start() * 1000).toISOString() });
  const { value, error, again } = useAsked((signal) => get(`/api/v1/analytics/series${query(ask())}`, { signal }), [user, model, bucket, step].join(" "));
  const calmly = useCalmly(again, AGAIN);
  useEffect(() => {
    const off = [on("update", calmly), on("stale", calmly)];
    return () => off.forEach((end) => end());
  }, [calmly]);
  const place = useStore(zone);
  const points = useMemo(() => gathered(value?.data || [], step), [value, step, place]);
  const calls = points.reduce((sum, [, all]) => sum + all, 0);
  const failed = points.reduce((sum, [, , bad]) => sum + bad, 0);
  const format = bucket === "minute" || step === HOUR ? clock : hour;
  const when = (at) => (bucket === "day" ? dayName(at) : format.format(new Date(at * 1000)));
  const unknown = error && error.status !== 404 && !value;
  return html`<section class="card" aria-labelledby="histogram" aria-busy=${value || error ? undefined : "true"}>
    <div class="title"><h2 id="histogram">Calls ${span.text}</h2></div>
    <figure class="chart body">
      <div class="drawing">
        ${unknown ? html`<${Fault} error=${error} again=${again} />`
          : !value && !error ? html`<${Bones} rows=${5} />`
            : calls === 0 ? html`<p class="quiet muted">No call was settled in this time.</p>`
              : html`<${Bars} key=${`${bucket} ${step}`} points=${points} when=${when} step=${step} />`}
      </div>
      <figcaption class="legend small muted">
        <span><span class="swatch" aria-hidden="true"></span>${count(calls - failed)} answered</span>
        <span><span class="swatch failed hatched" aria-hidden="true"></span>${count(failed)} failed at the provider</span>
        ${partly && html`<span>However they ended</span>`}
      </figcaption>
      <details><summary>Calls as a table</summary>
        <div class="table-frame" tabindex="0" role="group" aria-label="Calls along time"><table><thead><tr><th scope="col">Time</th><th scope="col" class="end">Calls</th><th scope="col" class="end">Failed</th></tr></thead>
          <tbody>${points.filter(([, all]) => all > 0).map(([x, all, bad]) => html`<tr key=${x}><td>${when(x)}</td><td class="end figures">${count(all)}</td><td class="end figures">${count(bad)}</td></tr>`)}</tbody></table></div>
      </details>
    </figure>
  </section>`;
}

// Buckets of the API as [[unix seconds, calls, failed]], several of them in one bar.
function gathered(buckets, step) {
  const bars = new Map();
  for (const { start_time, results } of buckets) {
    const at = Date.parse(start_time) / 1000;
    const bar = step === DAY ? dayOf(at) : Math.floor(at / step) * step;
    const [, all, bad] = bars.get(bar) || [bar, 0, 0];
    bars.set(bar, [bar, all + (results[0]?.requests || 0), bad + (results[0]?.failed_requests || 0)]);
  }
  return [...bars.values()];
}

function Bars({ points, when, step }) {
  const columns = () => [0, 1, 2].map((n) => points.map((point) => point[n]));
  const at = usePlot((UPlot, size) => [options(UPlot, size, { when, step }), columns()], [points]);
  return html`<div ref=${at} class="plot" aria-hidden="true"></div>`;
}

// Failed calls are drawn over all calls: from the ground up, with stripes.
function options(UPlot, size, { when, step }) {
  const bars = UPlot.paths.bars({ size: [0.7, 40], radius: 0.1 });
  const look = (fill) => ({ fill, width: 0, points: { show: false }, paths: bars });
  const whole = (ticks) => ticks.map((n) => (Number.isInteger(n) ? short(n) : ""));
  return {
    ...size,
    legend: { show: false },
    cursor: { show: false },
    // Half of a label stands beside the last bar.
    padding: [12, step === 6 * HOUR ? 42 : 22, 0, 0],
    scales: { x: { range: (_, least, most) => [least - step / 2, most + step / 2] }, y: { range: (_, least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis(), size: 28, grid: { show: false }, space: step === 6 * HOUR ? 110 : 84, incrs: [1, 2, 3, 4, 6, 7, 10, 12, 14, 15, 20, 30].map((n) => n * step), values: (_, ticks) => ticks.map(when) },
      { ...axis(), size: 50, values: (_, ticks) => whole(ticks) },
    ],
    series: [{}, look(token("--accent")), look(striped(token("--bar-over"), token("--surface")))],
  };
}

function striped(colour, ground) {
  const tile = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
  const pen = tile.getContext("2d");
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 8, 8);
  pen.strokeStyle = ground;
  pen.lineWidth = 2;
  pen.beginPath();
  for (const x of [-8, 0, 8]) {
    pen.moveTo(x - 1, 9);
    pen.lineTo(x + 9, -1);
  }
  pen.stroke();
  return pen.createPattern(tile, "repeat");
}
