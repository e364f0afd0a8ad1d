// Whether what is shown is live, and how old it is.
import { html } from "../lib/html.js";
import { silent, state } from "../lib/live.js";
import { useStore } from "../lib/store.js";
import { second } from "../lib/time.js";
import { Icon } from "./icon.js";

const ICONS = { Live: "pulse", Reconnecting: "refresh", Polling: "clock", Offline: "stop" };

export function LiveBadge() {
  const now = useStore(state);
  useStore(second);
  const quiet = silent();
  const age = quiet === null ? "nothing heard yet" : `last heard ${quiet} s ago`;
  return html`<span class="live ${now}" role="status" title=${age}><${Icon} name=${ICONS[now]} size=${14} /><span data-testid="live">${now}</span></span>`;
}
