// How much of a limit is used: a bar and a number, never a colour alone. A meter, not a progress
// bar: nothing is being finished.
import { html } from "../lib/html.js";
import { amount, percent } from "../lib/format.js";
import { tone } from "../lib/words.js";
import { Icon } from "./icon.js";

const ICONS = { warn: "triangle", crit: "triangle", over: "stop", off: "pause" };

// value: per cent or null; used and limit: amounts of `meter`; label: of what.
export function Meter({ value, used, limit, meter = "usd", status, label = "Quota" }) {
  const colour = tone(value, status);
  if (value === null || value === undefined) {
    return html`<div class="meter"><span class="track none" aria-hidden="true"></span><span class="said none">No limit</span></div>`;
  }
  const whole = Math.floor(value + 0.5);
  const kind = meter === "usd" ? "dollars" : meter;
  const of = used === undefined ? "" : `, ${plain(meter, used)} of ${plain(meter, limit)} ${kind}`;
  return html`<div class="meter">
    <div
      class="track"
      role="meter"
      aria-label=${label}
      aria-valuemin="0"
      aria-valuemax="100"
      aria-valuenow=${Math.min(100, whole)}
      aria-valuetext="${whole} percent${of}"
    >
      <span class="fill ${colour}" style=${{ width: `${Math.min(100, Math.max(value, value > 0 ? 1.5 : 0))}%` }}></span>
      ${value > 100 && html`<span class="mark" style=${{ left: `${10000 / value}%` }}></span>`}
    </div>
    <span class="said ${colour}">${ICONS[colour] && html`<${Icon} name=${ICONS[colour]} size=${13} />`}${percent(value)}</span>
  </div>`;
}

const plain = (meter, value) => amount(meter, value).replace("$", "");
