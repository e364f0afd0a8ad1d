// Keys of all users.
import { html, useState } from "../lib/html.js";
import { may } from "../lib/api.js";
import { count } from "../lib/format.js";
import { useList } from "../lib/lists.js";
import { ask, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { word } from "../lib/words.js";
import { Pick } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { CreateKey, KeyTable } from "../components/keys.js";
import { Search } from "../components/search.js";
import { Head } from "../components/shell.js";
import { Bones, Fault, Nothing } from "../components/state.js";

const STATUSES = ["normal", "warning", "critical", "quota_exceeded", "suspended", "revoked", "expired"];

export default function Keys() {
  const { query } = useStore(place);
  const asked = { user: query.get("user") || "", status: query.get("status") || "" };
  const list = useList("/api/v1/keys", asked);
  const [open, show] = useState(false);
  const none = list.error?.status === 404;
  const filtered = asked.user || asked.status;
  return html`
    <${Head} title="Keys" sub="What apps call with. The text of a key is shown once.">
      ${may("keys:write") && html`<button class="button first" type="button" onClick=${() => show(true)}><${Icon} name="plus" />Create key</button>`}
    <//>
    <div class="filters">
      <${Search} label="Keys of user" value=${asked.user} set=${(user) => ask({ user })} />
      <${Pick} label="Status" value=${asked.status} set=${(status) => ask({ status })} options=${[["", "Every status"], ...STATUSES.map((one) => [one, word(one).text])]} />
    </div>
    ${!none && html`<${Fault} error=${list.error} again=${list.again} />`}
    <section class="card">
      ${list.rows === null && !list.error ? html`<${Bones} rows=${8} />`
        : none || (list.rows?.length === 0 && !list.more)
          ? html`<${Nothing} icon="key" title=${filtered ? "No key is like that" : "No keys yet"} text=${filtered ? "No key fits the filters." : "Create one for a user; apps send it in place of a provider's."} command=${filtered ? undefined : "farebox keys create --user alice"} />`
          : list.rows && html`<${KeyTable} keys=${list.rows} again=${list.again} more=${list.more} busy=${list.loading} /><div class="table-foot"><span>${count(list.rows.length)} keys${list.more ? " so far, more below" : ""}</span></div>`}
    </section>
    ${open && html`<${CreateKey} close=${() => show(false)} done=${list.again} />`}`;
}
