// What is used of a key, for who has it. The key is sent as a bearer header and kept nowhere.
import { html, render, useEffect, useState } from "./lib/html.js";
import { count, short, usd } from "./lib/format.js";
import { serverSaid, withTimes } from "./lib/time.js";
import { Field } from "./components/field.js";
import { Icon } from "./components/icon.js";
import { Badge } from "./components/badge.js";
import { Limits } from "./components/limits.js";
import { Shares } from "./components/chart.js";
import { dollars } from "./lib/days.js";

const EVERY = 15_000;

async function ask(key, path) {
  const response = await fetch(path, { headers: { authorization: `Bearer ${key}`, accept: "application/json" }, credentials: "omit" });
  serverSaid(response.headers.get("date"));
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(response.status === 401 ? "This is no key that works here." : body?.error?.message || `The server answered ${response.status}.`);
  return body.data;
}

async function figures(key) {
  const [own, usage, notices] = await Promise.all([ask(key, "/v1/key"), ask(key, "/api/quota/usage"), ask(key, "/api/quota/notifications")]);
  return { own, usage, notices };
}

function Ask({ done }) {
  const [key, set] = useState("");
  const [error, fail] = useState(null);
  const [busy, work] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    work(true);
    fail(null);
    try {
      done(key.trim(), await figures(key.trim()));
    } catch (why) {
      fail(why instanceof TypeError ? "Farebox cannot be reached." : why.message);
      work(false);
    }
  };
  return html`<main class="alone" id="main"><div class="card">
    <h1 class="brand"><img src=${new URL("./icon.svg", import.meta.url).pathname} alt="" />My budget</h1>
    <form class="form" onSubmit=${submit} noValidate>
      <${Field} label="API key" type="password" value=${key} set=${set} hint="sk-fb-… It is sent to this server only and kept nowhere." autofocus />
      ${error && html`<div class="alert" role="alert"><${Icon} name="triangle" /><span>${error}</span></div>`}
      <button class="button first" type="submit" disabled=${busy}>${busy ? "One moment…" : "Show my budget"}</button>
    </form>
  </div></main>`;
}

function Mine({ secret, first, leave }) {
  const [{ own, usage, notices }, set] = useState(first);
  const [error, fail] = useState(null);
  const again = () => figures(secret).then((found) => (set(found), fail(null)), (why) => fail(why instanceof TypeError ? "Farebox cannot be reached; the figures are old." : why.message));
  useEffect(() => {
    const timer = setInterval(() => document.hidden || again(), EVERY);
    return () => clearInterval(timer);
  }, []);
  return html`<main id="main" class="own">
    <div class="head"><div class="titles"><h1>My budget</h1><p class="muted"><code>${own.label}</code> of ${own.user}</p></div>
      <div class="actions"><button class="button" type="button" onClick=${again}><${Icon} name="refresh" />Refresh</button><button class="button" type="button" onClick=${leave}><${Icon} name="out" />Forget the key</button></div></div>
    ${error && html`<div class="alert" role="alert"><${Icon} name="triangle" /><span>${error}</span></div><br />`}
    <div class="stack">
      ${notices.length > 0 && html`<section class="card" aria-label="Notices"><ul class="list">${notices.map((one) => html`<li key=${one.id}><div class="row"><${Badge} status=${one.level} /><span class="strong break">${one.title}</span></div><p class="small break">${withTimes(one.message)}</p><p class="small muted">${one.suggested_action}</p></li>`)}</ul></section>`}
      <dl class="grid stats">
        ${[["Today", own.usage_daily], ["This week", own.usage_weekly], ["This month", own.usage_monthly]].map(([name, value]) => html`<div key=${name} class="card stat"><dt>${name}</dt><dd class="figures">${dollars(value)}<div class="beside">with this key</div></dd></div>`)}
        <div class="card stat"><dt>Requests this month</dt><dd class="figures" title=${count(usage.total_requests)}>${short(usage.total_requests)}<div class="beside">with all keys of ${own.user}</div></dd></div>
      </dl>
      <div class="halves">
        <section class="card" aria-labelledby="limits"><div class="title"><h2 id="limits">Limits</h2></div><div class="body">${own.limits.length ? html`<${Limits} limits=${own.limits} status="" ended=${again} />` : html`<p class="muted">No limit is set.</p>`}</div></section>
        <section class="card" aria-labelledby="models"><div class="title"><h2 id="models">Spent by model, this month, with all keys</h2></div><div class="body">${usage.by_model.length ? html`<${Shares} rows=${usage.by_model.map((one) => ({ name: one.model, value: Number(one.cost_usd) }))} say=${(value) => usd(value.toFixed(9))} />` : html`<p class="muted">No model was used this month.</p>`}</div></section>
      </div>
    </div>
  </main>`;
}

function Me() {
  const [mine, set] = useState(null);
  if (!mine) return html`<${Ask} done=${(secret, first) => set({ secret, first })} />`;
  return html`<${Mine} ...${mine} leave=${() => set(null)} />`;
}

render(html`<${Me} />`, document.getElementById("app"));
