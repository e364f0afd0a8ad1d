// A table of any length: only the rows near what is seen are in the document. Headers that sort are
// buttons; j and k walk through the rows, Enter opens one.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/html.js";
import { Icon } from "./icon.js";

// The height of a row, also of one with two lines; see table.css.
const ROW = 48;
const BEYOND = 12;
// The rows that are drawn change in steps of so many, so that most frames of a scroll draw nothing.
const STEP = 8;
// Shorter tables are drawn whole.
const WHOLE = 120;
const NEAR = 1200;

// columns: [{id, title, slim, sort, end, class, cell}]; sort: "-spent"; open: a row was chosen;
// whole: so many rows are drawn without looking where one is.
export function Table({ label, columns, rows, keyOf, sort, resort, open, more, busy, whole = WHOLE }) {
  const body = useRef(null);
  const frame = useRef(null);
  const [window_, see] = useState([0, 60]);
  useHead(frame);
  const cut = rows.length > whole;
  const look = () => {
    if (!body.current) return;
    const box = body.current.getBoundingClientRect();
    if (cut) {
      const from = Math.max(0, Math.floor((-box.top / ROW - BEYOND) / STEP) * STEP);
      const to = from + Math.ceil(innerHeight / ROW) + 2 * BEYOND + STEP;
      see((was) => (was[0] === from && was[1] === to ? was : [from, to]));
    }
    if (more && box.bottom - innerHeight < NEAR) more();
  };
  const latest = useRef(look);
  latest.current = look;
  useEffect(() => {
    let waiting = 0;
    const moved = () => {
      waiting ||= requestAnimationFrame(() => {
        waiting = 0;
        latest.current();
      });
    };
    addEventListener("scroll", moved, { passive: true });
    addEventListener("resize", moved);
    return () => {
      removeEventListener("scroll", moved);
      removeEventListener("resize", moved);
      cancelAnimationFrame(waiting);
    };
  }, []);
  // Also after a page that brought nothing.
  useLayoutEffect(() => latest.current(), [rows.length, Boolean(more), busy]);
  useEffect(() => {
    const walk = (event) => {
      const writes = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName);
      if ((event.key !== "j" && event.key !== "k") || writes || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
      if (!walks(frame.current)) return;
      const links = [...(body.current?.querySelectorAll("[data-row]") || [])];
      const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
      links[event.key === "j" ? Math.min(at + 1, links.length - 1) : Math.max(at - 1, 0)]?.focus();
    };
    addEventListener("keydown", walk);
    return () => removeEventListener("keydown", walk);
  }, []);
  const drawn = useRef({});
  if (drawn.current.columns !== columns || drawn.current.open !== open) drawn.current = { columns, open, rows: new WeakMap() };
  // A row that has not changed is the same node, which is not compared again.
  const draw = (row, at) => {
    const kept = drawn.current.rows.get(row);
    if (kept?.at === at) return kept.node;
    const node = html`<tr key=${keyOf(row)} aria-rowindex=${at} class=${open ? "link" : ""} onClick=${open && ((event) => chosen(event, () => open(row)))}>
      ${columns.map((column) => html`<td key=${column.id} class=${css(column)}>${column.cell(row)}</td>`)}
    </tr>`;
    drawn.current.rows.set(row, { at, node });
    return node;
  };
  const from = cut ? Math.min(window_[0], Math.max(0, rows.length - 20)) : 0;
  const to = cut ? Math.min(window_[1], rows.length) : rows.length;
  const gap = (height) => height > 0 && html`<tr class="gap" aria-hidden="true"><td colspan=${columns.length} style=${{ height: `${height}px` }}></td></tr>`;
  return html`<div class="table-frame" ref=${frame} tabindex="0" role="group" aria-label=${label}>
    <table aria-label=${label} aria-rowcount=${more ? -1 : rows.length + 1} aria-busy=${busy ? "true" : undefined}>
      <thead><tr>${columns.map((column) => html`<${Head} key=${column.id} column=${column} sort=${sort} resort=${resort} />`)}</tr></thead>
      <tbody ref=${body}>
        ${gap(from * ROW)}
        ${rows.slice(from, to).map((row, i) => draw(row, from + i + 2))}
        ${gap((rows.length - to) * ROW)}
      </tbody>
    </table>
  </div>`;
}

const css = (column) => [column.end && "end figures", column.far && "far", column.later && "later", column.class].filter(Boolean).join(" ");

// A frame that need not scroll sideways is none, so that the head of the table stays in sight.
function useHead(frame) {
  useEffect(() => {
    const { current: one } = frame;
    const sizes = new ResizeObserver(() => one.classList.toggle("fits", one.scrollWidth <= one.clientWidth));
    sizes.observe(one);
    sizes.observe(one.firstElementChild);
    return () => sizes.disconnect();
  }, []);
}

// Of several tables, the one with the focus is walked through, else the first that has rows to open.
function walks(frame) {
  const focused = document.activeElement?.closest(".table-frame");
  const walked = [...document.querySelectorAll(".table-frame")].filter((one) => one.querySelector("[data-row]"));
  return (walked.includes(focused) ? focused : walked[0]) === frame;
}

// What is clickable in a row does its own.
function chosen(event, open) {
  if (!event.target.closest("a, button, input, label") && !String(getSelection())) open();
}

function Head({ column, sort, resort }) {
  const text = column.slim ? html`<span class="wide">${column.title}</span><span class="slim">${column.slim}</span>` : column.title;
  if (!column.sort) return html`<th scope="col" class=${css(column)}>${column.hidden ? html`<span class="unseen">${column.title}</span>` : column.head?.() || text}</th>`;
  const up = sort === column.sort;
  const down = sort === `-${column.sort}`;
  const next = down ? column.sort : up || column.first === "up" ? (up ? `-${column.sort}` : column.sort) : `-${column.sort}`;
  return html`<th scope="col" class=${css(column)} aria-sort=${up ? "ascending" : down ? "descending" : "none"}>
    <button type="button" onClick=${() => resort(next)}>${text}<${Icon} name=${up ? "up" : down ? "down" : "sort"} size=${13} /></button>
  </th>`;
}
