// Alerts: what was raised and how far it came, and the channels it goes to.
import { html, useEffect, useState } from "../lib/html.js";
import { get, may, post, remove } from "../lib/api.js";
import { useList } from "../lib/lists.js";
import { on } from "../lib/live.js";
import { ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { failed, said } from "../lib/toasts.js";
import { useAsked, useCalmly } from "../lib/use.js";
import { AlertTable } from "../components/alert-list.js";
import { Badge } from "../components/badge.js";
import { opened } from "../components/changed-meanwhile.js";
import { ChannelForm, kindText, target } from "../components/channel-form.js";
import { Confirm } from "../components/dialog.js";
import { Pick } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { Rules } from "../components/rules.js";
import { Head } from "../components/shell.js";
import { Bones, Card, Fault, Nothing } from "../components/state.js";

const LEVELS = [["", "Every level"], ["warning", "Warning"], ["critical", "Critical"], ["exceeded", "Exceeded"]];

export default function Alerts() {
  const { query } = useStore(place);
  const level = query.get("level") || "";
  const list = useList("/api/v1/alerts", { level });
  const channels = useAsked(async (signal) => (await get("/api/v1/alert-channels", { signal })).data, "channels");
  const [open, show] = useState(null);
  const again = useCalmly(list.again, 1500);
  useEffect(() => {
    const off = [on("alert", again), on("stale", again)];
    return () => off.forEach((end) => end());
  }, [again]);
  const close = () => show(null);
  const edit = (channel) => opened(`/api/v1/alert-channels/${encodeURIComponent(channel.id)}`, channel.name, (one, tag) => show({ edit: one, tag }));
  return html`
    <${Head} title="Alerts" sub="Raised when a threshold of a limit is crossed, once in each period" />
    <div class="stack">
      <${Card} id="channels" title="Channels" asked=${channels} rows=${6} actions=${may("alerts:write") && html`<button class="button tiny" type="button" onClick=${() => show("create")}><${Icon} name="plus" size=${14} />Add channel</button>`} empty=${(all) => all.length === 0 && html`<${Nothing} icon="send" title="No channel yet" text="Alerts are kept here either way. A channel sends them to Slack, mail, PagerDuty, SMS or a webhook." />`}>
        ${(all) => html`<ul class="list">${all.map((one) => html`<${Channel} key=${one.id} one=${one} alerts=${list.rows || []} edit=${() => edit(one)} drop=${() => show({ drop: one })} />`)}</ul>`}
      <//>
      <${Rules} />
      <section class="card" aria-labelledby="history">
        <div class="title"><h2 id="history">History</h2><div class="filters" style=${{ margin: 0 }}><${Pick} label="Level" value=${level} set=${(to) => ask({ level: to })} options=${LEVELS} /></div></div>
        ${list.error && html`<div class="body"><${Fault} error=${list.error} again=${list.again} /></div>`}
        ${list.rows === null ? !list.error && html`<${Bones} rows=${6} />` : list.rows.length === 0 && !list.more ? html`<${Nothing} icon="bell" title=${level ? "No alert of this level" : "No alerts yet"} text="Thresholds are 80, 90 and 100% unless an account has its own." />` : html`<${AlertTable} alerts=${list.rows} more=${list.more} busy=${list.loading} again=${list.again} />`}
      </section>
    </div>
    ${open === "create" && html`<${ChannelForm} close=${close} done=${channels.again} />`}
    ${open?.edit && html`<${ChannelForm} one=${open.edit} tag=${open.tag} close=${close} done=${channels.again} />`}
    ${open?.drop && html`<${Confirm} title=${`Delete ${open.drop.name}?`} text="What is still to be sent to it is dropped." action="Delete" close=${close} send=${async () => { await remove(`/api/v1/alert-channels/${open.drop.id}`); said(`${open.drop.name} is deleted`); close(); channels.again(); }} />`}`;
}

function Channel({ one, alerts, edit, drop }) {
  const [busy, work] = useState(false);
  const latest = alerts.flatMap((alert) => alert.deliveries).find((delivery) => delivery.channel === one.id);
  const test = async () => {
    work(true);
    try {
      const { delivered, error } = await post(`/api/v1/alert-channels/${one.id}/test`);
      if (delivered) said(`The test came to ${one.name}`);
      else failed(`The test did not come to ${one.name}`, new Error(error));
    } catch (why) {
      failed(`${one.name} could not be tested`, why);
    }
    work(false);
  };
  return html`<li class="row"><span class="strong break">${one.name}</span><span class="badge off">${kindText(one.type)}</span>
    <span class="small muted">${one.levels?.length && one.levels.length < LEVELS.length - 1 ? one.levels.join(", ") : "every level"}${one.reports?.length ? `, ${one.reports.join(" and ")} report` : ""}${one.source === "file" ? ", from the file" : ""}</span>
    <code class="small break">${target(one)}</code>
    ${latest && html`<span class="small muted">latest:</span><${Badge} status=${latest.status} />`}
    <span style=${{ flex: 1 }}></span>
    ${may("alerts:write") && html`<button class="button tiny" type="button" disabled=${busy} onClick=${test}><${Icon} name="send" size=${14} />${busy ? "Sending…" : "Test"}</button>`}
    ${may("alerts:write") && one.source !== "file" && html`<button class="button tiny" type="button" aria-label=${`Change ${one.name}`} title=${`Change ${one.name}`} onClick=${edit}><${Icon} name="edit" size=${14} /></button>
      <button class="button tiny danger" type="button" aria-label=${`Delete ${one.name}`} title=${`Delete ${one.name}`} onClick=${drop}><${Icon} name="trash" size=${14} /></button>`}
  </li>`;
}
