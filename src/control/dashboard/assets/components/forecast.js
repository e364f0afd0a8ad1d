// What an account will have spent when its period ends, in words.
import { html } from "../lib/html.js";
import { exactUsd, usd } from "../lib/format.js";
import { absolute, ago } from "../lib/time.js";

export function Forecast({ told }) {
  const over = told.exhausts_at !== null;
  return html`<dl class="facts">
    <dt>Projected</dt><dd><span class="figures strong" title=${exactUsd(told.projected_usd)}>${usd(told.projected_usd)}</span> ${told.period === "total" ? "" : html`by the end of the ${told.period}`}</dd>
    <dt>Between</dt><dd class="figures">${usd(told.low_usd)} and ${usd(told.high_usd)}</dd>
    <dt>Used up</dt><dd>${over ? html`<span title=${absolute(told.exhausts_at)}>${ago(told.exhausts_at)}</span>` : html`<span class="muted">not in this ${told.period}</span>`}</dd>
  </dl>`;
}
