// What a call used, by classes that do not overlap: a bar of its tokens, each class with its number,
// and the figures that are no tokens or parts of these.
import { html } from "../lib/html.js";
import { count } from "../lib/format.js";

const IN_CLASSES = ["input_tokens_total", "input_uncached", "cached_read", "cache_write", "output_tokens_total", "reasoning"];

// [name, tokens, look of its bar]
function classes(usage) {
  const of = (name) => usage[name] || 0;
  const uncached = usage.input_uncached ?? Math.max(0, of("input_tokens_total") - of("cached_read") - of("cache_write"));
  const reasoning = Math.min(of("reasoning"), of("output_tokens_total"));
  return [
    ["Input, not cached", uncached, ""],
    ["Input read from a cache", of("cached_read"), "hatched"],
    ["Input written to a cache", of("cache_write"), "crossed"],
    ["Output", of("output_tokens_total") - reasoning, "output"],
    ["Output, reasoning", reasoning, "output hatched"],
  ];
}

const share = (part, whole) => `${Math.round((part / whole) * 1000) / 10}%`;

export function Tokens({ usage }) {
  const all = classes(usage);
  const whole = all.reduce((sum, [, n]) => sum + n, 0);
  const used = all.filter(([, n]) => n > 0);
  const beside = Object.entries(usage).filter(([name, n]) => n > 0 && !IN_CLASSES.includes(name));
  if (whole === 0 && beside.length === 0) return html`<p class="muted">Nothing was used.</p>`;
  return html`${whole > 0 && html`<div class="parts" aria-hidden="true">${used.map(([name, n, look]) => html`<span key=${name} class=${look} title=${name} style=${{ flexGrow: n }}></span>`)}</div>
    <dl class="classes">${used.map(([name, n, look]) => html`<div key=${name}><dt><span class="swatch ${look}" aria-hidden="true"></span>${name}</dt><dd class="figures">${count(n)}</dd><dd class="figures muted">${share(n, whole)}</dd></div>`)}
      <div class="sum"><dt>Tokens</dt><dd class="figures">${count(whole)}</dd><dd></dd></div></dl>`}
    ${beside.length > 0 && html`<details class="others"><summary>Other figures</summary><dl class="facts">${beside.map(([name, n]) => html`<dt key=${name}>${name.replaceAll("_", " ")}</dt><dd class="figures">${count(n)}</dd>`)}</dl></details>`}`;
}
