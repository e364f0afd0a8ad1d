// The dialog that makes a user.
import { html, useState } from "../lib/html.js";
import { post } from "../lib/api.js";
import { FormDialog } from "./dialog.js";
import { Field } from "./field.js";
import { GRAMMAR, linesOf } from "./limits.js";

export function CreateUser({ close, done }) {
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const [workspace, setWorkspace] = useState("");
  const [limits, setLimits] = useState("");
  const send = async () => {
    const given = { id: id.trim() };
    if (name.trim()) given.name = name.trim();
    if (workspace.trim()) given.workspace = workspace.trim();
    if (linesOf(limits).length) given.limits = linesOf(limits);
    const user = await post("/api/v1/users", given);
    close();
    done(user);
  };
  return html`<${FormDialog} title="Create a user" close=${close} send=${send} action="Create user" fields=${["id", "limits", "name", "workspace"]}>
    ${(error) => html`
      <${Field} label="User" value=${id} set=${setId} fault=${error?.fields.get("id")} hint="Letters, digits, . _ and -. It cannot be changed later." autofocus maxlength="64" />
      <${Field} label="Name" value=${name} set=${setName} fault=${error?.fields.get("name")} hint="For people; empty: the same." />
      <${Field} label="Workspace" value=${workspace} set=${setWorkspace} fault=${error?.fields.get("workspace")} hint="Empty: default." />
      <${Field} label="Limits" value=${limits} set=${setLimits} fault=${error?.fields.get("limits")} rows=${3} hint=${`${GRAMMAR} Empty: the defaults of the configuration.`} />`}
  <//>`;
}
