// Starts the dashboard: who is logged in decides between the login and the page of the address.
import { html, render, useEffect, useErrorBoundary, useLayoutEffect, useRef, useState } from "./lib/html.js";
import { login } from "./lib/api.js";
import { enter } from "./lib/link.js";
import * as live from "./lib/live.js";
import { remember } from "./lib/preferences.js";
import { go, own, place } from "./lib/router.js";
import { useStore } from "./lib/store.js";
import { learnZone } from "./lib/zone.js";
import { Shell } from "./components/shell.js";
import { Dialog } from "./components/dialog.js";
import { SignIn } from "./components/sign-in.js";
import { Toasts } from "./components/toasts.js";
import { Bones, Fault, Nothing } from "./components/state.js";

// A page is fetched when it is first shown.
const PAGES = {
  "/": () => import("./pages/overview.js"),
  "/users": () => import("./pages/users.js"),
  "/users/": () => import("./pages/user.js"),
  "/keys": () => import("./pages/keys.js"),
  "/providers": () => import("./pages/providers.js"),
  "/requests": () => import("./pages/requests.js"),
  "/activity": () => import("./pages/activity.js"),
  "/snapshots": () => import("./pages/snapshots.js"),
  "/reports": () => import("./pages/reports.js"),
  "/alerts": () => import("./pages/alerts.js"),
  "/settings": () => import("./pages/settings.js"),
};
const BUILT = new Set(Object.keys(PAGES));

const pageOf = (path) => {
  const bare = path.length > 1 ? path.replace(/\/$/, "") : path;
  if (/^\/users\/[^/]+$/.test(bare)) return "/users/";
  return BUILT.has(bare) ? bare : null;
};

// The page of the address is fetched while it is asked who is logged in.
PAGES[pageOf(location.pathname)]?.().catch(() => {});

function Page({ name }) {
  const [shown, show] = useState({ name: null });
  const [error, forget] = useErrorBoundary((why) => console.error(why));
  const first = useRef(true);
  useLayoutEffect(() => {
    let current = true;
    forget();
    const found = (module) => current && show({ name, View: module.default });
    const lost = (why) => current && show({ name, why });
    PAGES[name]?.().then(found, lost);
    // A new page begins at its head, also for who does not see it.
    if (!first.current) document.getElementById("main")?.focus();
    first.current = false;
    return () => {
      current = false;
    };
  }, [name]);
  if (!name) return html`<${Nothing} icon="search" title="There is no such page" text="Choose one at the left." />`;
  if (error) return html`<${Fault} error=${error} again=${forget} />`;
  if (shown.name !== name) return html`<${Bones} />`;
  if (shown.why) return html`<${Fault} error=${new Error("This page could not be loaded.")} again=${() => location.reload()} />`;
  return html`<${shown.View} />`;
}

function Login() {
  const [View, show] = useState(null);
  useEffect(() => {
    import("./pages/login.js").then((module) => show(() => module.default));
  }, []);
  return View && html`<${View} />`;
}

function App() {
  const session = useStore(login);
  const { path, query } = useStore(place);
  const [error, fail] = useState(null);
  // Whoever was logged in and is not any more keeps the page, with the login above it.
  const [was, be] = useState(false);
  const ask = () => {
    fail(null);
    enter().catch(fail);
  };
  useLayoutEffect(ask, []);
  useEffect(() => {
    if (!session) return;
    remember();
    learnZone();
  }, [session]);
  useEffect(() => {
    if (session) {
      be(true);
      live.start();
      if (path === "/login") go(own(query.get("next") || "/"), { replace: true });
    } else if (session === false) {
      live.stop();
      if (!was && path !== "/login") go(`/login?next=${encodeURIComponent(path + (query.size ? `?${query}` : ""))}`, { replace: true });
    }
  }, [session, path, was]);
  if (session === null) return error && html`<main class="alone"><${Fault} error=${error} again=${ask} /></main>`;
  if (path === "/login") return html`<${Login} />`;
  if (!session && !was) return null;
  return html`<${Shell} built=${BUILT}><${Page} name=${pageOf(path)} /><//>
    <${Toasts} />
    ${!session && html`<${Dialog} title="Your session has ended" closable=${false}><p class="muted">Sign in again. What you typed is still there.</p><br /><${SignIn} /><//>`}`;
}

render(html`<${App} />`, document.getElementById("app"));
