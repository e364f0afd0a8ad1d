// The server's time, and one tick a second for all that counts down.
import { store } from "./store.js";

let offset = 0;

// Told by every answer. The header has whole seconds, so small differences are not followed.
export function serverSaid(text) {
  const there = Date.parse(text);
  if (Number.isNaN(there)) return;
  const found = there - Date.now();
  if (Math.abs(found - offset) > 1500) offset = found;
}

export const now = () => Date.now() + offset;

export const second = store(0);
const tick = () => !document.hidden && second.set(Math.floor(now() / 1000));
setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const dated = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clocked = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const dayed = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

export const absolute = (text) => (text ? `${dated.format(new Date(text))} (${zone})` : "");
export const clock = (text) => clocked.format(new Date(text));
export const day = (text) => dayed.format(new Date(text));

// A text of the server with its times as people here read them.
export const withTimes = (text) => text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, absolute);

// "12 s ago", "3 h ago", "in 2 d".
export function ago(text) {
  if (!text) return "never";
  const seconds = Math.round((now() - Date.parse(text)) / 1000);
  const far = Math.abs(seconds);
  const said =
    far < 60 ? `${far} s` :
    far < 3600 ? `${Math.floor(far / 60)} min` :
    far < 86400 ? `${Math.floor(far / 3600)} h` :
    `${Math.floor(far / 86400)} d`;
  return seconds < 0 ? `in ${said}` : `${said} ago`;
}

// "1d 03:12:44"
export function left(ms) {
  const total = Math.max(0, Math.ceil(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const days = Math.floor(total / 86400);
  const rest = `${two(Math.floor(total / 3600) % 24)}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
  return days ? `${days}d ${rest}` : rest;
}
