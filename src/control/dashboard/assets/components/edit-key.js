// The dialog that changes what a key may do. Its text and its user stay what they are.
import { html, useState } from "../lib/html.js";
import { patch } from "../lib/api.js";
import { absolute } from "../lib/time.js";
import { said } from "../lib/toasts.js";
import { ChangedMeanwhile, useOpened } from "./changed-meanwhile.js";
import { FormDialog } from "./dialog.js";
import { Field } from "./field.js";
import { linesOf } from "./limits.js";

// What a new key takes, too: [name, label, hint, a list?].
export const REACH = [
  ["models", "Models", "gpt-5*, claude-*. Empty: all.", true],
  ["routes", "Paths", "/v1/chat/completions, /v1/embeddings. Empty: all.", true],
  ["addresses", "From addresses", "10.0.0.0/8, 203.0.113.7. Empty: from anywhere.", true],
];

// What was typed, as the API takes it; fields that still are what they were are left out.
function changed(values, first) {
  const asked = {};
  for (const [field, , , many] of [["name"], ...REACH]) {
    if (values[field].trim() === first[field]) continue;
    asked[field] = many ? linesOf(values[field]) : values[field].trim();
  }
  const expires = values.expires.trim();
  if (expires) Object.assign(asked, expires === "never" ? { expires_at: null } : { expires_in: expires });
  return asked;
}

export function EditKey({ one, tag, close, done }) {
  const first = { name: one.name, expires: "", ...Object.fromEntries(REACH.map(([field]) => [field, one[field].join(", ")])) };
  const address = `/api/v1/keys/${encodeURIComponent(one.id)}`;
  const [, sent] = useOpened(address, one, tag);
  const [values, set] = useState(first);
  const field = (name) => ({ value: values[name], set: (value) => set({ ...values, [name]: value }) });
  const send = async () => {
    await sent((options) => patch(address, changed(values, first), options));
    said(`${one.label} is changed`);
    close();
    done();
  };
  return html`<${FormDialog} title=${`Change ${one.label}`} close=${close} send=${send} action="Save" fields=${["name", "expires_in", ...REACH.map(([name]) => name)]}>
    ${(error) => html`
      <${Field} label="Name" ...${field("name")} fault=${error?.fields.get("name")} autofocus />
      ${REACH.map(([name, label, hint]) => html`<${Field} key=${name} label=${label} hint=${hint} ...${field(name)} fault=${error?.fields.get(name)} />`)}
      <${Field} label="Expires in" ...${field("expires")} fault=${error?.fields.get("expires_in")} hint=${`90d, or never. Empty: as it is, ${one.expires_at ? absolute(one.expires_at) : "never"}.`} />
      <${ChangedMeanwhile} error=${error} />`}
  <//>`;
}
