// A chart with its table: bars over time, or of names.
import { html } from "../lib/html.js";
import { axis, token, usePlot } from "./plot.js";

// points: [[unix seconds, number]]; say: a number as text; title: what is counted.
// step: seconds between two points.
export function TimeBars({ title, points, say, when, step = 86_400 }) {
  const at = usePlot((UPlot, size) => [options(UPlot, size, { title, say, when, step }), columns(points)], [points]);
  return html`<figure class="chart">
    <div ref=${at} class="plot" aria-hidden="true"></div>
    <${AsTable} title=${title} points=${points} say=${say} when=${when} />
  </figure>`;
}

const columns = (points) => [points.map(([x]) => x), points.map(([, y]) => y)];

function curve(size, { title, say, when }) {
  return {
    ...size,
    legend: { show: false },
    cursor: { show: false },
    padding: [12, 26, 0, 0],
    scales: { y: { range: (_, least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [{ ...axis(), size: 28, grid: { show: false }, space: 110, values: (_, ticks) => ticks.map(when) }, { ...axis(), size: 58, values: (_, ticks) => ticks.map(say) }],
    series: [{}, { label: title, stroke: token("--accent"), fill: token("--accent-soft"), width: 2, points: { show: false } }],
  };
}

function options(UPlot, size, { title, say, when, step }) {
  return {
    ...size,
    legend: { show: false },
    cursor: { points: { show: false }, drag: { x: false, y: false } },
    padding: [12, 8, 0, 0],
    scales: { x: { range: (_, least, most) => [least - step / 2, most + step / 2] }, y: { range: (_, least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis(), size: 28, grid: { show: false }, space: 64, incrs: [1, 2, 3, 4, 6, 7, 12, 14, 24, 30].map((n) => n * step), values: (_, ticks) => ticks.map(when) },
      { ...axis(), size: 58, values: (_, ticks) => ticks.map(say) },
    ],
    series: [
      {},
      { label: title, stroke: token("--accent"), fill: token("--accent"), width: 0, points: { show: false }, paths: UPlot.paths.bars({ size: [0.7, 40], radius: 0.15 }) },
    ],
  };
}

// A line over time; arguments as of the bars.
export function TimeLine({ title, points, say, when }) {
  const at = usePlot((UPlot, size) => [curve(size, { title, say, when }), columns(points)], [points]);
  return html`<figure class="chart">
    <div ref=${at} class="plot" aria-hidden="true"></div>
    <${AsTable} title=${title} points=${points} say=${say} when=${when} />
  </figure>`;
}

function AsTable({ title, points, say, when }) {
  return html`<details><summary>${title} as a table</summary>
    <div class="table-frame" tabindex="0" role="group" aria-label=${title}><table><thead><tr><th scope="col">Time</th><th scope="col" class="end">${title}</th></tr></thead>
      <tbody>${points.map(([x, y]) => html`<tr key=${x}><td>${when(x)}</td><td class="end figures">${say(y)}</td></tr>`)}</tbody></table></div>
  </details>`;
}

// Shares of a whole by name: a list of bars, the rest gathered in "Other".
export function Shares({ rows, say, most = 6, other = true }) {
  const sorted = [...rows].sort((a, b) => b.value - a.value);
  const shown = sorted.slice(0, most);
  const rest = sorted.slice(most).reduce((sum, row) => sum + row.value, 0);
  if (rest > 0 && other) shown.push({ name: "Other", value: rest });
  const top = Math.max(...shown.map((row) => row.value), 0);
  return html`<ul class="shares">${shown.map((row) => html`<li key=${row.name}>
    <div class="line"><span class="clip" title=${row.name}>${row.link || row.name}</span><span class="figures strong">${say(row.value)}</span></div>
    <div class="bar" aria-hidden="true"><span style=${{ width: `${top > 0 ? (row.value / top) * 100 : 0}%` }}></span></div>
  </li>`)}</ul>`;
}
