// Providers: our keys there, how much of each quota is left, and turning them on and off.
import { html, useEffect, useState } from "../lib/html.js";
import { get, login, may, post } from "../lib/api.js";
import { amount, count, short, usd } from "../lib/format.js";
import { on } from "../lib/live.js";
import { failed, said } from "../lib/toasts.js";
import { useAsked, useCalmly } from "../lib/use.js";
import { Ago } from "../components/ago.js";
import { Badge } from "../components/badge.js";
import { Countdown } from "../components/countdown.js";
import { Confirm } from "../components/dialog.js";
import { Icon } from "../components/icon.js";
import { Limits } from "../components/limits.js";
import { Meter } from "../components/meter.js";
import { Head } from "../components/shell.js";
import { Bones, Fault, Nothing } from "../components/state.js";

const data = (path) => async (signal) => (await get(path, { signal })).data;

export default function Providers() {
  const pools = useAsked(data("/api/v1/providers"), "pools");
  const keys = useAsked(data("/api/v1/credentials?limit=200"), "keys");
  const again = useCalmly(() => [pools, keys].forEach((asked) => asked.again()), 1500);
  useEffect(() => {
    const off = [on("provider", again), on("stale", again)];
    return () => off.forEach((end) => end());
  }, []);
  const all = keys.value || [];
  return html`
    <${Head} title="Providers" sub="Our keys at providers, with their quotas of today" />
    <${Fault} error=${pools.error || keys.error} again=${again} />
    ${!pools.value || !keys.value
      ? !(pools.error || keys.error) && html`<section class="card"><${Bones} rows=${6} /></section>`
      : all.length === 0
        ? html`<section class="card"><${Nothing} icon="cloud" title="No provider key configured" text="Calls are forwarded with your keys at providers. Give one in the environment, or in farebox.toml:" command=${'[providers.openai]\ncredentials = [{ name = "openai-1", key_env = "OPENAI_API_KEY" }]'} /></section>`
        : html`<div class="stack">${pools.value.filter((pool) => pool.credentials.length).map((pool) => html`<${Pool} key=${pool.id} pool=${pool} keys=${all.filter((key) => key.provider === pool.id)} again=${again} />`)}</div>`}`;
}

function Pool({ pool, keys, again }) {
  const room = Object.entries(pool.capacity);
  const [asks, ask] = useState(false);
  const reset = async () => {
    await post(`/api/v1/providers/${encodeURIComponent(pool.id)}/reset`);
    said(`The quotas of all keys at ${pool.id} are set to zero`);
    ask(false);
    again();
  };
  return html`<section aria-label=${`Provider ${pool.id}`}>
    <div class="head"><div class="titles"><h2>${pool.id}</h2><p class="muted small break">${pool.base_url}, ${keys.length === 1 ? "one key" : `${keys.length} keys, ${CHOICES[pool.choose] || pool.choose}`}</p></div>
      ${turns() && room.length > 0 && keys.length > 1 && html`<button class="button tiny" type="button" onClick=${() => ask(true)}><${Icon} name="refresh" size=${14} />Reset all</button>`}
      ${room.length > 0 && html`<ul class="room">${room.map(([name, one]) => html`<${Room} key=${name} name=${name} one=${one} />`)}</ul>`}
    </div>
    <div class="cards">${keys.map((key) => html`<${Key} key=${key.config_id} one=${key} again=${again} />`)}</div>
    ${asks && html`<${Confirm} title=${`Reset all quotas at ${pool.id}?`} text="What was used of them in the current periods is set to zero here, for every key. The provider still counts as before." action="Reset all" typed=${pool.id} close=${() => ask(false)} send=${reset} />`}
  </section>`;
}

// Only who is not limited to a workspace may turn and reset them.
const turns = () => may("providers:write") && !login.get()?.workspace;

// How each key of a pool comes to be used.
const CHOICES = { priority: "the first with room is used", weighted: "used by their weights", least_used: "the least used is used", round_robin: "used in turn" };

// What all keys of a pool have left together.
function Room({ name, one }) {
  const [meter, window] = name.split("/");
  return html`<li><p class="small muted figures">${amount(meter, one.remaining)} of ${amount(meter, one.limit)} ${meter === "usd" ? "" : meter} left ${window === "day" ? "today" : `this ${window}`}</p>
    <${Meter} value=${one.limit > 0 ? (one.used / one.limit) * 100 : 100} used=${one.used} limit=${one.limit} meter=${meter} label=${`${name} of all keys`} /></li>`;
}

function Key({ one, again }) {
  const rate = one.request_count > 0 ? Math.round((one.failed / one.request_count) * 1000) / 10 : 0;
  const [asks, ask] = useState(false);
  const reset = async () => {
    await post(`/api/v1/credentials/${encodeURIComponent(one.config_id)}/reset`);
    said(`The quotas of ${one.config_id} are set to zero`);
    ask(false);
    again();
  };
  const turn = (verb, back) => async () => {
    const path = `/api/v1/credentials/${encodeURIComponent(one.config_id)}`;
    try {
      await post(`${path}/${verb}`);
      said(`${one.config_id} is ${verb}d`, "", () => post(`${path}/${back}`).then(again, (why) => failed("Not undone", why)));
      again();
    } catch (why) {
      failed("It was not changed", why);
    }
  };
  const off = one.status === "disabled" || one.status === "quarantined";
  return html`<article class="card" aria-label=${`Credential ${one.config_id}`}>
    <div class="title"><h2 class="clip" title=${one.config_id}>${one.config_id}</h2><${Badge} status=${one.status} /></div>
    <div class="body stack">
      ${one.available_at && html`<p class="small">Used again in <${Countdown} to=${one.available_at} ended=${again} /></p>`}
      ${one.limits.length ? html`<${Limits} limits=${one.limits} status=${one.status} ended=${again} />` : html`<p class="muted small">No quota is configured for it.</p>`}
      <dl class="facts small">
        <dt>Requests today</dt><dd class="figures" title=${count(one.request_count)}>${short(one.request_count)}${one.failed > 0 ? `, ${short(one.failed)} failed (${rate}%)` : ""}</dd>
        <dt>Tokens</dt><dd class="figures">${short(one.tokens)}</dd>
        <dt>Characters</dt><dd class="figures">${short(one.character_count)}</dd>
        <dt>Cost</dt><dd class="figures">${usd(one.cost_usd)}</dd>
        <dt>Last used</dt><dd><${Ago} at=${one.last_updated} /></dd>
      </dl>
      ${turns() && html`<div class="row">${off
        ? html`<button class="button tiny" type="button" onClick=${turn("enable", "disable")}><${Icon} name="play" size=${14} />Enable</button>`
        : html`<button class="button tiny danger" type="button" onClick=${turn("disable", "enable")}><${Icon} name="pause" size=${14} />Disable</button>`}${one.limits.length > 0 && html`<button class="button tiny" type="button" onClick=${() => ask(true)}><${Icon} name="refresh" size=${14} />Reset</button>`}</div>`}
      ${asks && html`<${Confirm} title=${`Reset the quotas of ${one.config_id}?`} text="What was used of them in the current periods is set to zero here. The provider still counts as before." action="Reset" close=${() => ask(false)} send=${reset} />`}
    </div>
  </article>`;
}
