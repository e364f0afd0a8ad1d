// The attempts of one call, along its time: when each began and ended, what came of it, and when the
// first byte of the answer was there. The words say the same as the bars.
import { html } from "../lib/html.js";
import { duration } from "../lib/format.js";
import { Badge } from "./badge.js";

const MOST = 8;

// What became of a call: the provider's error, or how its answer ended.
export const outcome = ({ status, ending }) => (status >= 400 ? "failed" : ending);

export function Attempts({ one }) {
  const whole = Math.max(one.duration_ms, 1);
  const all = attempts(one);
  const share = (ms) => `${Math.min(100, (ms / whole) * 100)}%`;
  const bar = (kind, from, to) => to > from && html`<span class=${kind} style=${{ left: share(from), width: share(to - from) }}></span>`;
  return html`<ol class="attempts">${all.map((each, i) => html`<li key=${i}>
      <div class="line">
        <span class="clip" title=${each.provider}>${all.length > 1 && html`<span class="muted figures">${i + 1}. </span>`}<span class="strong">${each.credential || each.provider}</span>${each.credential && each.provider && each.credential !== each.provider && html` <span class="muted">${each.provider}</span>`}</span>
        <${Badge} status=${each.word} />${each.status > 0 && html`<span class="muted figures">${each.status}</span>`}
      </div>
      <div class="time" aria-hidden="true">
        ${each.first === null ? bar(each.failed ? "failed crossed" : "wait hatched", each.from, each.to) : html`${bar("wait hatched", each.from, each.first)}${bar("answer", each.first, each.to)}<span class="first" style=${{ left: `min(${share(each.first)}, 100% - 2px)` }}></span>`}
      </div>
      <div class="small muted figures">${said(each)}</div>
    </li>`)}</ol>
    <div class="scale small muted figures" aria-hidden="true"><span>0</span><span>${duration(one.duration_ms)}</span></div>
    <div class="legend small muted" aria-hidden="true">
      ${all.some((each) => each.first === null && each.failed) && html`<span><span class="swatch failed crossed"></span>Failed</span>`}
      <span><span class="swatch wait hatched"></span>Waiting</span>
      ${all.some((each) => each.first !== null) && html`<span><span class="swatch first"></span>First byte</span><span><span class="swatch"></span>Answer</span>`}
    </div>
    ${all.length === MOST && html`<p class="small muted">At most ${MOST} attempts of a call are kept: the first ${MOST - 1} and the last.</p>`}`;
}

// Of a call that was sent once, the one that its own fields tell of.
function attempts(one) {
  const known = one.attempts || [];
  const listed = known.length > 0 ? known : [{ credential: one.credential, provider: one.provider, status: one.status, error: null, started_ms: 0, ended_ms: one.duration_ms }];
  return listed.map((each, i) => {
    const last = i === listed.length - 1;
    const word = each.error || outcome({ status: each.status, ending: one.ending });
    const answered = last && !each.error && one.status > 0;
    const first = answered ? Math.min(Math.max(one.ttft_ms ?? 0, each.started_ms), each.ended_ms) : null;
    return { ...each, word, first, failed: Boolean(each.error), from: each.started_ms, to: each.ended_ms };
  });
}

function said({ from, to, first }) {
  const took = duration(Math.max(0, to - from));
  const when = from > 0 ? `After ${duration(from)}: ` : "";
  if (first === null) return `${when}${took} without an answer that could be used`;
  return `${when}${duration(first - from)} to the first byte, then ${duration(to - first)} of answer`;
}
