// Live updates: a WebSocket, and polling where there can be none.
//
// `state` is what the badge shows. What arrives is gathered for half a second at most, and told
// together with the tick of the clock, so that a hundred settlements a second cost two drawings.
// While nobody looks, it is gathered until somebody does: the newest figures of each account.
import { getTagged, login } from "./api.js";
import { second, serverSaid } from "./time.js";
import { store } from "./store.js";

const GATHER = 500;
// Pauses before connecting again. After so many failures in a row, polling begins.
const PAUSES = [500, 1500, 4000];
const POLL = 30_000;
const POLL_OFFLINE = 4_000;
const TRY_AGAIN = 60_000;
const SILENCE = 60_000;
const ANSWER = 10_000;

// Live, Reconnecting, Polling or Offline.
export const state = store("Reconnecting");

const followers = { update: new Set(), alert: new Set(), provider: new Set(), stale: new Set() };

// Calls `follower` with what arrives: `update` with a map from accounts to their newest figures,
// `provider` likewise, `alert` with one alert; `stale` when nothing told what has changed, so that
// pages ask again.
export function on(kind, follower) {
  followers[kind].add(follower);
  return () => followers[kind].delete(follower);
}

const tell = (kind, data) => {
  for (const follower of [...followers[kind]]) follower(data);
};

let socket = null;
let failures = 0;
let last = 0;
let wanted = false;
let known = null;
let missed = false;
let heard = null;
let updates = new Map();
let providers = new Map();
const timers = { gather: null, connect: null, poll: null, silence: null };

function clear(name) {
  clearTimeout(timers[name]);
  timers[name] = null;
}

// Seconds since something was last heard; null where nothing was yet.
export const silent = () => (heard === null ? null : Math.round((performance.now() - heard) / 1000));

const hears = () => {
  heard = performance.now();
};

function gathered() {
  if (document.hidden) return;
  clear("gather");
  const moved = updates;
  const changed = providers;
  updates = new Map();
  providers = new Map();
  if (moved.size) tell("update", moved);
  if (changed.size) tell("provider", changed);
}

function hear(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return;
  }
  hears();
  serverSaid(message.timestamp);
  const { type, seq, data } = message;
  // A snapshot that is not the first says that something was missed, or that much has changed.
  if (last && (seq > last + 1 || type === "quota_snapshot")) tell("stale");
  last = seq;
  if (type === "quota_update") updates.set(data.account, data);
  else if (type === "provider_update") providers.set(data.config_id, data);
  else if (type === "alert") tell("alert", data);
  else return;
  timers.gather ??= setTimeout(gathered, GATHER);
}

second.follow(gathered);

function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// A connection that says nothing for long is asked whether it lives.
function listen(pause = SILENCE) {
  clear("silence");
  timers.silence = setTimeout(() => {
    const quiet = performance.now() - heard;
    if (quiet < SILENCE) return void listen(SILENCE - quiet);
    send({ type: "ping" });
    timers.silence = setTimeout(() => (performance.now() - heard < SILENCE ? listen() : socket?.close()), ANSWER);
  }, pause);
}

function connect() {
  clear("connect");
  if (!wanted || socket) return;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const mine = new WebSocket(`${scheme}://${location.host}/api/quota/ws`);
  socket = mine;
  let opened = false;
  mine.onopen = () => {
    opened = true;
    failures = 0;
    last = 0;
    clear("poll");
    state.set("Live");
    hears();
    listen();
    // What changed while nobody listened was told to nobody.
    if (missed) tell("stale");
    missed = true;
  };
  mine.onmessage = (event) => hear(event.data);
  mine.onclose = (event) => {
    if (socket !== mine) return;
    socket = null;
    clear("silence");
    if (!wanted) return;
    if (event.code === 4401) return void login.set(false);
    if (!opened) failures += 1;
    if (failures < PAUSES.length) {
      state.set("Reconnecting");
      timers.connect = setTimeout(connect, PAUSES[failures] * (0.8 + 0.4 * Math.random()));
    } else {
      timers.connect = setTimeout(connect, TRY_AGAIN);
      if (!timers.poll) poll();
    }
  };
}

async function poll() {
  clear("poll");
  const was = state.get();
  try {
    const { tag, status } = await getTagged("/api/quota/status", { headers: known ? { "if-none-match": known } : {} });
    if (!wanted || state.get() === "Live") return;
    state.set("Polling");
    hears();
    if (status !== 304) {
      known = tag;
      tell("stale");
    }
    // It is there again, so a connection may be had, too.
    if (was === "Offline") connect();
    timers.poll = setTimeout(poll, POLL);
  } catch {
    if (!wanted || state.get() === "Live") return;
    state.set("Offline");
    timers.poll = setTimeout(poll, POLL_OFFLINE);
  }
}

// Pages do not ask while nobody looks at them; so they ask when somebody does again.
document.addEventListener("visibilitychange", () => {
  if (!wanted || document.hidden) return;
  gathered();
  tell("stale");
});

export function start() {
  if (wanted) return;
  wanted = true;
  failures = 0;
  connect();
}

export function stop() {
  wanted = false;
  for (const name of Object.keys(timers)) clear(name);
  socket?.close();
  socket = null;
  state.set("Reconnecting");
}
