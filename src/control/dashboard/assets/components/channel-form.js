// The dialog that makes an alert channel or changes one. What a kind takes stands in one table.
import { html, useState } from "../lib/html.js";
import { patch, post } from "../lib/api.js";
import { said } from "../lib/toasts.js";
import { ChangedMeanwhile, useOpened } from "./changed-meanwhile.js";
import { FormDialog } from "./dialog.js";
import { Checks, Field } from "./field.js";

const REPORTS = ["reports", "Reports", "", [["daily", "Daily"], ["weekly", "Weekly"]]];
// [name, label, hint, kind]; a kind that is a list has what can be chosen. The server never shows a secret, nor the path of an address.
const TAKES = {
  slack: [["url", "Webhook address", "https://hooks.slack.com/services/…", "hidden"], REPORTS],
  webhook: [["url", "Address", "", "hidden"], ["secret", "Secret", "whsec_ and base64 of at least 24 bytes; messages are signed with it.", "password"], REPORTS],
  email: [["host", "SMTP host"], ["port", "Port", "587", "number"], ["from", "From"], ["to", "To", "Several with commas between.", "list"], ["username", "User name", "Empty: none."], ["password", "Password", "", "password"], ["tls", "TLS", "", "tls"], REPORTS],
  pagerduty: [["routing_key", "Routing key", "", "password"]],
  twilio: [["account_sid", "Account SID"], ["auth_token", "Auth token", "", "password"], ["from", "From", "+1…"], ["to", "To", "One number."]],
};
const KINDS = [["slack", "Slack"], ["webhook", "Webhook"], ["email", "E-mail"], ["pagerduty", "PagerDuty"], ["twilio", "SMS (Twilio)"]];
export const kindText = (type) => KINDS.find(([of]) => of === type)?.[1] || type;
const LEVELS = ["levels", "Levels", "None chosen: all.", [["warning", "Warning"], ["critical", "Critical"], ["exceeded", "Exceeded"]]];
const TLS = [["", "As usual for the port"], ["starttls", "STARTTLS"], ["implicit", "From the start"], ["none", "None"]];

const isSecret = (kind) => kind === "password" || kind === "hidden";
const written = (value) => (Array.isArray(value) ? value.join(", ") : String(value ?? ""));
const list = (text) => text.split(",").map((one) => one.trim()).filter(Boolean);
const isList = (kind) => kind === "list" || Array.isArray(kind);
const read = (text, kind) => (kind === "number" ? Number(text) : isList(kind) ? list(text) : text);

// What stands in the fields at first: of a channel that is there, all but its secrets.
const firstOf = (one, takes) => Object.fromEntries(takes.filter(([field, , , kind]) => one && !isSecret(kind) && one[field] !== undefined).map(([field]) => [field, written(one[field])]));

// one: the channel that is changed, with its tag; without it, one is made.
export function ChannelForm({ one, tag, close, done }) {
  const [type, turn] = useState(one?.type || "slack");
  const [name, call] = useState(one?.name || "");
  const takes = [...TAKES[type], LEVELS];
  const address = `/api/v1/alert-channels/${encodeURIComponent(one?.id || "")}`;
  const [, sent] = useOpened(address, one, tag);
  const [values, set] = useState(() => firstOf(one, takes));
  const send = async () => {
    const first = firstOf(one, takes);
    const asked = {};
    for (const [field, , , kind] of takes) {
      const text = values[field]?.trim() || "";
      if (text === (first[field] ?? "")) continue;
      asked[field] = text ? read(text, kind) : null;
    }
    if (one) {
      await sent((options) => patch(address, asked, options));
      said(`${one.name} is changed`, "Send a test to see that it works.");
    } else {
      await post("/api/v1/alert-channels", { type, name: name.trim(), ...asked });
      said(`${name.trim()} is added`, "Send a test to see that it works.");
    }
    close();
    done();
  };
  return html`<${FormDialog} title=${one ? `Change ${one.name}` : "Add a channel"} close=${close} send=${send} action=${one ? "Save" : "Add channel"} fields=${["name", ...takes.map(([field]) => field)]}>
    ${(error) => html`
      ${!one && html`<${Field} label="Kind" value=${type} set=${turn} options=${KINDS} />
        <${Field} label="Name" value=${name} set=${call} fault=${error?.fields.get("name")} />`}
      ${takes.map((take) => html`<${Take} key=${type + take[0]} take=${take} kept=${Boolean(one)} value=${values[take[0]] || ""} set=${(value) => set({ ...values, [take[0]]: value })} fault=${error?.fields.get(take[0])} />`)}
      <${ChangedMeanwhile} error=${error} />`}
  <//>`;
}

// One field. kept: the channel is there, with its secrets.
function Take({ take: [, label, text, kind], kept, value, set, fault }) {
  if (Array.isArray(kind)) return html`<${Checks} label=${label} hint=${text} options=${kind} value=${list(value)} set=${(chosen) => set(chosen.join(", "))} fault=${fault} />`;
  const rest = kind === "tls" ? { options: TLS } : { type: kind === "password" ? "password" : "text", autocomplete: kind === "password" ? "new-password" : "off" };
  return html`<${Field} label=${label} hint=${kept && isSecret(kind) ? "Empty: it stays as it is." : text} value=${value} set=${set} fault=${fault} ...${rest} />`;
}

// Where messages of a channel go, in one line; of a secret there is "***".
export const target = ({ type, url, to, host, command }) => (type === "exec" ? command.join(" ") : type === "email" ? `${written(to)} by ${host}` : to ? written(to) : url || "");
