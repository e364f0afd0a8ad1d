// Settings: one section at a time, each with an address of its own.
import { html } from "../lib/html.js";
import { login, may } from "../lib/api.js";
import { Link, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { absolute } from "../lib/time.js";
import { Head } from "../components/shell.js";
import { Nothing } from "../components/state.js";
import { Audit } from "../settings/audit.js";
import { Health } from "../settings/health.js";
import { OfAccount } from "../settings/limits.js";
import { Own } from "../settings/own.js";
import { Prices } from "../settings/prices.js";
import { Tokens } from "../settings/tokens.js";
import { Workspaces } from "../settings/workspaces.js";

// [name in the address, text, scope, what is shown]
const SECTIONS = [
  ["you", "For you", null, Own],
  ["workspaces", "Workspaces", "workspaces:read", Workspaces],
  ["tokens", "Admin tokens", "tokens:read", Tokens],
  ["pricing", "Prices", "pricing:read", Prices],
  ["limits", "Limits", "limits:read", OfAccount],
  ["audit", "Audit log", "audit:read", Audit],
  ["health", "System health", null, Health],
];

export default function Settings() {
  const session = useStore(login);
  const { query } = useStore(place);
  const seen = SECTIONS.filter(([, , scope]) => !scope || may(scope));
  const wanted = query.get("section") || "you";
  const shown = seen.find(([name]) => name === wanted);
  return html`
    <${Head} title="Settings" sub=${`Signed in as ${session?.name || "…"}${session?.expires_at ? `, until ${absolute(session.expires_at)}` : ""}`} />
    <nav class="sections" aria-label="Settings">
      ${seen.map(([name, text]) => html`<${Link} key=${name} to=${`/settings?section=${name}`} aria-current=${name === wanted ? "page" : undefined}>${text}<//>`)}
    </nav>
    ${shown ? html`<${shown[3]} key=${wanted} />` : html`<${Nothing} icon="search" title="There is no such section" text="It is not there, or the token that you signed in with may not see it. Choose one above." />`}`;
}
