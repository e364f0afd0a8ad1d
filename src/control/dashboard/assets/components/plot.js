// Drawing with uPlot, which is fetched for pages that have charts. Colours come from the tokens,
// so a chart is drawn again when the theme changes.
import { useEffect, useRef, useState } from "../lib/html.js";
import { theme } from "../lib/choices.js";
import { useStore } from "../lib/store.js";

const library = import("../vendor/uplot.js").then((module) => module.default);
library.catch(() => {});
document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("../vendor/uplot.css", import.meta.url).pathname }));

export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// What all axes look like.
export const axis = () => ({ stroke: token("--muted"), grid: { stroke: token("--line"), width: 1 }, ticks: { show: false }, font: `11px ${token("--font")}` });

const size = (element) => ({ width: element.clientWidth, height: element.clientHeight });

// The element to draw in, of the class `plot`, which has the height. `make(UPlot, size)` gives the options and the columns; it is asked again
// when something of `of` is another.
export function usePlot(make, of) {
  const at = useRef(null);
  const chosen = useStore(theme);
  const [dark, shade] = useState(0);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const turn = () => shade((n) => n + 1);
    query.addEventListener("change", turn);
    return () => query.removeEventListener("change", turn);
  }, []);
  useEffect(() => {
    let plot = null;
    let gone = false;
    library.then((UPlot) => {
      if (gone || !at.current) return;
      plot = new UPlot(...make(UPlot, size(at.current)), at.current);
    });
    const resized = new ResizeObserver(() => plot?.setSize(size(at.current)));
    resized.observe(at.current);
    return () => {
      gone = true;
      resized.disconnect();
      plot?.destroy();
    };
  }, [...of, chosen, dark]);
  return at;
}
