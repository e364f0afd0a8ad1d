// The ledger's time zone: there days, weeks and months begin, whatever the zone of this browser is.
import { get } from "./api.js";
import { store } from "./store.js";
import { now } from "./time.js";

export const zone = store("UTC");

const formats = new Map();
// The date and the time of day there.
function format() {
  const timeZone = zone.get();
  if (!formats.has(timeZone)) formats.set(timeZone, new Intl.DateTimeFormat("en", { timeZone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }));
  return formats.get(timeZone);
}

// Asked at every login. Until it is known, and where this browser knows no such zone, it is UTC.
export async function learnZone() {
  try {
    const { timezone } = await get("/api/v1/system");
    new Intl.DateTimeFormat("en", { timeZone: timezone });
    zone.set(timezone);
  } catch {
    zone.set("UTC");
  }
}

// {year, month (from 1), day, hour, minute, second} of a moment there, in milliseconds.
export const there = (at = now()) => Object.fromEntries(format().formatToParts(at).map(({ type, value }) => [type, Number(value)]));

const ahead = (at) => {
  const { year, month, day, hour, minute, second } = there(at);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
};

// The moment at which a day begins there. Months and days beyond their end are those that follow.
export function midnight(year, month, day = 1) {
  const near = Date.UTC(year, month - 1, day);
  const first = near - ahead(near);
  return near - ahead(first);
}
