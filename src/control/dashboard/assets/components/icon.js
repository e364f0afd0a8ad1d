// Line icons, drawn for this dashboard on a grid of 16. They say nothing to screen readers: a word
// stands beside each, or a label on what holds it.
import { html } from "../lib/html.js";

const PATHS = {
  home: "M2.5 7.5 8 3l5.5 4.5M4 6.5V13h8V6.5",
  users: "M6 7.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM1.5 13.5c0-2.5 2-4 4.5-4s4.5 1.5 4.5 4M10.5 2.700a2.5 2.5 0 0 1 0 4.600M12 9.800c1.600.6 2.5 1.900 2.5 3.700",
  key: "M9.5 9.5a3.5 3.5 0 1 0-3-3L2 11v3h3v-1.5h1.5V11H8zM11 5h.01",
  cloud: "M4.5 12.5a3 3 0 0 1-.3-6 4 4 0 0 1 7.700 1 2.5 2.5 0 0 1-.4 5z",
  bell: "M8 2a4 4 0 0 0-4 4c0 4-1.5 5-1.5 5h11S12 10 12 6a4 4 0 0 0-4-4ZM6.700 13.5a1.400 1.400 0 0 0 2.600 0",
  list: "M2.5 4h11M2.5 8h11M2.5 12h7",
  chart: "M2.5 2.5v11h11M5.5 10.5 8 7l2 2 3.5-4.5",
  file: "M4 1.5h5l3.5 3.5v9.5H4zM9 1.5V5h3.5M6 8.5h4M6 11h4",
  gear: "M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.400 3.400l1.400 1.400M11.200 11.200l1.400 1.400M12.600 3.400l-1.400 1.400M4.800 11.200l-1.400 1.400",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.700 10.700 14 14",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  check: "M3 8.5 6.5 12 13 4.5",
  triangle: "M8 2.5 1.800 13.5h12.400zM8 6.5v3.200M8 11.700h.01",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 4.800V8l2.200 1.5",
  pulse: "M1.5 8.5H4l2-5 3.5 9 2-4h3",
  stop: "M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM5.800 5.800l4.400 4.400M10.200 5.800l-4.400 4.400",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  cut: "M3 3l10 10M3 13 13 3",
  dot: "M8 9.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3Z",
  up: "M8 13V3M4 7l4-4 4 4",
  down: "M8 3v10M4 9l4 4 4-4",
  sort: "M5 6l3-3 3 3M5 10l3 3 3-3",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
  refresh: "M13 8a5 5 0 1 1-1.5-3.5L13 6M13 2.5V6H9.5",
  edit: "M10.5 3 13 5.5 6 12.5l-3.5 1 1-3.5z",
  play: "M5 3.5v9l7-4.5z",
  send: "M14 2 7 9M14 2 9.5 14 7 9 2 6.5z",
  trash: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.5 9h6l.5-9M7 7v4M9 7v4",
  bolt: "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z",
  out: "M6 2.5H3v11h3M7 8h6.5M11 5l3 3-3 3",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 7.5V11M8 5h.01",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1.5V3M8 13v1.5M1.5 8H3M13 8h1.5M3.400 3.400l1 1M11.600 11.600l1 1M12.600 3.400l-1 1M4.400 11.600l-1 1",
};

export function Icon({ name, size = 16 }) {
  return html`<svg aria-hidden="true" focusable="false" width=${size} height=${size} viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round"><path d=${PATHS[name] || PATHS.dot} /></svg>`;
}
