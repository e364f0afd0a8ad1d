// The dialog that makes an alert channel. What a kind takes stands in one table.
import { html, useState } from "../lib/html.js";
import { post } from "../lib/api.js";
import { said } from "../lib/toasts.js";
import { FormDialog } from "./dialog.js";
import { Field } from "./field.js";

// [name, label, hint, kind]
const TAKES = {
  slack: [["url", "Webhook address", "https://hooks.slack.com/services/…"]],
  webhook: [["url", "Address"], ["secret", "Secret", "whsec_ and base64 of at least 24 bytes; messages are signed with it.", "password"]],
  email: [["host", "SMTP host"], ["port", "Port", "587", "number"], ["from", "From"], ["to", "To", "Several with commas between.", "list"], ["username", "User name", "Empty: none."], ["password", "Password", "", "password"], ["tls", "TLS", "none, starttls or implicit"]],
  pagerduty: [["routing_key", "Routing key", "", "password"]],
  twilio: [["account_sid", "Account SID"], ["auth_token", "Auth token", "", "password"], ["from", "From", "+1…"], ["to", "To", "Several with commas between.", "list"]],
};
const KINDS = [["slack", "Slack"], ["webhook", "Webhook"], ["email", "E-mail"], ["pagerduty", "PagerDuty"], ["twilio", "SMS (Twilio)"]];

export function CreateChannel({ close, done }) {
  const [type, turn] = useState("slack");
  const [name, call] = useState("");
  const [values, set] = useState({});
  const read = (value, kind) => (kind === "number" ? Number(value) : kind === "list" ? value.split(",").map((one) => one.trim()).filter(Boolean) : value.trim());
  const send = async () => {
    const asked = { type, name: name.trim() };
    for (const [field, , , kind] of TAKES[type]) if (values[field]?.trim()) asked[field] = read(values[field], kind);
    await post("/api/v1/alert-channels", asked);
    said(`${asked.name} is added`, "Send a test to see that it works.");
    close();
    done();
  };
  return html`<${FormDialog} title="Add a channel" close=${close} send=${send} action="Add channel" fields=${["name", ...TAKES[type].map(([field]) => field)]}>
    ${(error) => html`
      <${Field} label="Kind" value=${type} set=${turn} options=${KINDS} />
      <${Field} label="Name" value=${name} set=${call} fault=${error?.fields.get("name")} />
      ${TAKES[type].map(([field, label, hint, kind]) => html`<${Field} key=${type + field} label=${label} hint=${hint} type=${kind === "password" ? "password" : "text"} value=${values[field] || ""} set=${(value) => set({ ...values, [field]: value })} fault=${error?.fields.get(field)} autocomplete=${kind === "password" ? "new-password" : "off"} />`)}`}
  <//>`;
}
