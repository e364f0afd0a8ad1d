// Addresses: which page is shown, and the filters that stand in the query.
import { html } from "./html.js";
import { store } from "./store.js";

const here = () => ({ path: location.pathname, query: new URLSearchParams(location.search) });

export const place = store(here());

addEventListener("popstate", () => place.set(here()));

export function go(address, { replace = false } = {}) {
  const same = address === location.pathname + location.search;
  if (!same) history[replace ? "replaceState" : "pushState"](null, "", address);
  place.set(here());
  if (!replace) scrollTo(0, 0);
}

// Changes what stands in the query; what is empty is left out.
export function ask(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "" || value === undefined) query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  go(location.pathname + (text ? `?${text}` : ""), { replace: true });
}

// Only an address of ours; what else a query may hold leads home.
export function own(address) {
  try {
    const url = new URL(address, location.origin);
    return url.origin === location.origin ? url.pathname + url.search : "/";
  } catch {
    return "/";
  }
}

export function Link({ to, children, ...rest }) {
  const follow = (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    go(to);
  };
  return html`<a href=${to} onClick=${follow} ...${rest}>${children}</a>`;
}
