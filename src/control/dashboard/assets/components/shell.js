// The frame of all pages: navigation, live badge, notifications, theme.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { login, logOut, may } from "../lib/api.js";
import { theme } from "../lib/choices.js";
import { Link, go, place } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { failed } from "../lib/toasts.js";
import { Icon } from "./icon.js";
import { LiveBadge } from "./live.js";
import { Notifications } from "./notifications.js";

const NAV = [
  ["/", "home", "Overview", "usage:read"],
  ["/users", "users", "Users", "users:read"],
  ["/keys", "key", "Keys", "keys:read"],
  ["/providers", "cloud", "Providers", "providers:read"],
  ["/requests", "list", "Requests", "usage:read"],
  ["/activity", "chart", "Activity", "usage:read"],
  ["/alerts", "bell", "Alerts", "alerts:read"],
  ["/snapshots", "clock", "Snapshots", "usage:read"],
  ["/reports", "file", "Reports", "usage:read"],
  ["/settings", "gear", "Settings", null],
];

// [what it is called, what comes next]
const THEMES = { system: ["System theme", "light"], light: ["Light theme", "dark"], dark: ["Dark theme", "system"] };

export function Shell({ built, children }) {
  const { path } = useStore(place);
  const session = useStore(login);
  const chosen = useStore(theme);
  const [open, show] = useState(false);
  const side = useRef(null);
  const menu = useRef(null);
  useEffect(() => show(false), [path]);
  // It stands before the button in the document, so the focus is led there and back.
  useEffect(() => {
    if (open) side.current.querySelector(".nav a")?.focus();
  }, [open]);
  const shut = () => {
    show(false);
    menu.current.focus();
  };
  const here = (to) => (to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`));
  const leave = () => logOut().then(() => go("/login")).catch((why) => failed("You are still signed in", why));
  const [said, next] = THEMES[chosen] || THEMES.system;
  return html`<a class="skip" href="#main">Skip to content</a>
    <div class="frame">
      ${open && html`<button class="veil" type="button" aria-label="Close navigation" onClick=${shut}></button>`}
      <aside ref=${side} class="side ${open ? "open" : ""}" id="side" aria-label="Farebox" onKeyDown=${(event) => open && event.key === "Escape" && shut()}>
        <${Link} to="/" class="brand"><img src=${new URL("../icon.svg", import.meta.url).pathname} alt="" />Farebox<//>
        <nav class="nav" aria-label="Pages">
          ${NAV.filter(([to, , , scope]) => built.has(to) && (!scope || may(scope))).map(([to, icon, text]) => html`<${Link} key=${to} to=${to} aria-current=${here(to) ? "page" : undefined}><${Icon} name=${icon} />${text}<//>`)}
        </nav>
        <div class="foot">
          <button class="button bare" type="button" onClick=${() => theme.set(next)}><${Icon} name="sun" />${said}</button>
          <button class="button bare" type="button" onClick=${leave}><${Icon} name="out" />Sign out</button>
          ${session?.workspace && html`<p class="small muted">Workspace ${session.workspace}</p>`}
        </div>
      </aside>
      <div class="work">
        <header class="top">
          <button ref=${menu} class="button bare icon menu" type="button" aria-label="Navigation" aria-expanded=${open ? "true" : "false"} aria-controls="side" onClick=${() => show(!open)}><${Icon} name="menu" /></button>
          <span class="fill"></span>
          <${LiveBadge} />
          <${Notifications} />
        </header>
        <main id="main" tabindex="-1">${children}</main>
      </div>
    </div>`;
}

// The head of a page.
export function Head({ title, sub, children }) {
  useEffect(() => {
    // A name is isolated, so that one from right to left does not turn what stands beside it.
    document.title = `\u2068${title}\u2069 · Farebox`;
  }, [title]);
  return html`<div class="head"><div class="titles"><h1 class="break"><bdi>${title}</bdi></h1>${sub && html`<p class="muted">${sub}</p>`}</div>${children && html`<div class="actions">${children}</div>`}</div>`;
}
