// The dialog that changes what a user is called, where it belongs, and when alerts are raised.
import { html, useState } from "../lib/html.js";
import { login, may, patch } from "../lib/api.js";
import { said } from "../lib/toasts.js";
import { ChangedMeanwhile, useOpened } from "./changed-meanwhile.js";
import { FormDialog } from "./dialog.js";
import { Field } from "./field.js";

const listed = (one) => one.thresholds.join(", ");

export function EditUser({ one, tag, close, done }) {
  const address = `/api/v1/users/${encodeURIComponent(one.id)}`;
  const [now, sent] = useOpened(address, one, tag);
  // As it was when the dialog was opened, however often the page asks again. What is not changed
  // here is not sent, so that it stays what somebody else made of it.
  const [before] = useState(one);
  const [name, call] = useState(one.name);
  const [workspace, move] = useState(one.workspace || "");
  const [thresholds, warn] = useState(listed(one));
  // Who is limited to a workspace cannot move anybody out of it.
  const moves = may("admin") && !login.get()?.workspace;
  const send = async () => {
    const changes = {};
    if (name.trim() !== before.name) changes.name = name.trim();
    if (moves && workspace.trim() !== before.workspace) changes.workspace = workspace.trim();
    if (thresholds !== listed(before)) changes.thresholds = thresholds.trim() ? thresholds.split(/[\s,%]+/).filter(Boolean).map(Number) : null;
    await sent((options) => patch(address, changes, options));
    said(`${one.id} is changed`);
    close();
    done();
  };
  return html`<${FormDialog} title=${`Edit ${one.id}`} close=${close} send=${send} action="Save" fields=${["name", "thresholds", "workspace"]}>
    ${(error) => html`
      <${Field} label="Name" value=${name} set=${call} fault=${error?.fields.get("name")} autofocus />
      ${moves && html`<${Field} label="Workspace" value=${workspace} set=${move} fault=${error?.fields.get("workspace")} />`}
      <${Field} label="Alerts at, per cent" value=${thresholds} set=${warn} fault=${error?.fields.get("thresholds")} hint="80, 90, 100. Empty: the defaults." />
      <${ChangedMeanwhile} error=${error}>Now it is <bdi>${now.name}</bdi> in ${now.workspace}, alerts at ${listed(now)}.<//>`}
  <//>`;
}
