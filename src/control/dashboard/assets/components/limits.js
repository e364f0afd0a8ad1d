// Limits of an account: shown as meters, and changed: set, raised for a while, reset.
import { html, useState } from "../lib/html.js";
import { post, put } from "../lib/api.js";
import { METERS, amount, per } from "../lib/format.js";
import { failed, said } from "../lib/toasts.js";
import { ChangedMeanwhile, useOpened } from "./changed-meanwhile.js";
import { Countdown } from "./countdown.js";
import { Confirm, FormDialog } from "./dialog.js";
import { Field } from "./field.js";
import { Meter } from "./meter.js";
import { Badge } from "./badge.js";

export function Limits({ limits, status, ended }) {
  return html`<div class="limits">${limits.map((one) => html`<div class="limit" key=${`${one.account} ${one.text}`}>
    <div class="line">
      <span class="strong">${METERS[one.meter] || one.meter} ${per(one.window)}${one.models ? html` <code>${one.models}</code>` : ""}</span>
      <span class="row"><${Badge} status=${status === "suspended" ? "suspended" : one.status} /></span>
    </div>
    <${Meter} value=${one.usage_percent} used=${one.used} limit=${one.limit} meter=${one.meter} status=${status} label=${one.text} />
    <div class="line small muted">
      <span class="figures">${amount(one.meter, one.used)} of ${amount(one.meter, one.limit)}${isMore(one.held) ? `, ${amount(one.meter, one.held)} held` : ""}${one.bump ? `, raised by ${amount(one.meter, one.bump.amount)}` : ""}${one.mode === "observe" ? ", alerts only" : ""}</span>
      ${one.window && html`<span>resets in <${Countdown} to=${one.resets_at} ended=${ended} /></span>`}
    </div>
  </div>`)}</div>`;
}

const isMore = (held) => Number(held) > 0;

export const GRAMMAR = "One on each line: 25usd/month, 100000tokens/day, 60requests/minute.";
export const linesOf = (text) => text.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);

const written = (limits) => limits.map((one) => one.text);

export function SetLimits({ account, limits, tag, close, done }) {
  const address = `/api/v1/limits/${encodeURIComponent(account)}`;
  const [now, sent] = useOpened(address, { limits }, tag);
  const [before] = useState(written(limits));
  const [text, set] = useState(before.join("\n"));
  const send = async () => {
    await sent((options) => put(address, { limits: linesOf(text) }, options));
    said(`The limits of ${account} are set`, "", () => put(address, { limits: before }).then(done, (why) => failed("Not undone", why)));
    close();
    done();
  };
  return html`<${FormDialog} title=${`Limits of ${account}`} close=${close} send=${send} action="Set limits" fields=${["limits"]}>
    ${(error) => html`<${Field} label="Limits" value=${text} set=${set} rows=${5} fault=${error?.fields.get("limits")} hint=${`${GRAMMAR} What was used stays counted.`} />
      <${ChangedMeanwhile} error=${error}>Now it is ${written(now.limits).join(", ") || "no limit"}.<//>`}
  <//>`;
}

export function Bump({ accounts, close, done }) {
  const [raise, set] = useState("+10usd");
  const [span, last] = useState("");
  // Whoever is raised is not raised once more when the rest is tried again.
  const [left, leave] = useState(accounts);
  const send = async () => {
    for (const [at, account] of left.entries()) {
      leave(left.slice(at));
      await post(`/api/v1/limits/${encodeURIComponent(account)}/bump`, { amount: raise.trim(), ...(span.trim() ? { for: span.trim() } : {}) });
    }
    said(accounts.length === 1 ? `${accounts[0]} may use ${raise} more` : `${accounts.length} accounts may use ${raise} more`);
    close();
    done();
  };
  return html`<${FormDialog} title=${accounts.length === 1 ? `Raise a limit of ${accounts[0]}` : `Raise a limit of ${accounts.length} accounts`} close=${close} send=${send} action="Raise" fields=${["amount", "for"]}>
    ${(error) => html`
      ${error && left.length < accounts.length && html`<p class="alert warn"><span>${accounts.length - left.length} of ${accounts.length} are raised. Still to be raised, from ${left[0]} on: ${left.length}.</span></p>`}
      <${Field} label="By" value=${raise} set=${set} fault=${error?.fields.get("amount")} hint="+10usd, or +100000tokens/day where there are several limits." autofocus />
      <${Field} label="For" value=${span} set=${last} fault=${error?.fields.get("for")} hint="2h, 3d. Empty: to the end of its period." />`}
  <//>`;
}

export function Reset({ account, close, done }) {
  const send = async () => {
    await post("/api/quota/reset", { account });
    said(`What ${account} used is set to zero`);
    close();
    done();
  };
  return html`<${Confirm} title=${`Reset ${account}?`} text="What it used in the current periods is set to zero. Holds of calls in flight stay. This cannot be undone, and it stands in the audit log." action="Reset" typed=${account.split(":")[1]} close=${close} send=${send} />`;
}
