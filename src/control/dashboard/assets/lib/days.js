// Sums by day, without gaps: a day on which nothing was spent is a bar of no height.
import { short } from "./format.js";
import { there } from "./zone.js";

const DAY = 86_400;

// [{day: "2026-11-29", cost_nanousd}] → [[unix seconds, dollars]] of the last `length` days of the
// ledger. A day stands for itself: its seconds are those of its date in UTC.
export function dailyDollars(sums, length) {
  const found = new Map(sums.map((sum) => [sum.day, sum.cost_nanousd]));
  const { year, month, day } = there();
  const today = Date.UTC(year, month - 1, day) / 1000;
  return Array.from({ length }, (_, i) => {
    const at = today - (length - 1 - i) * DAY;
    return [at, (found.get(new Date(at * 1000).toISOString().slice(0, 10)) || 0) / 1e9];
  });
}

const format = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
export const dayName = (seconds) => format.format(new Date(seconds * 1000));
// The day of a moment there, and its name.
export const dayOf = (seconds) => {
  const { year, month, day } = there(seconds * 1000);
  return Date.UTC(year, month - 1, day) / 1000;
};
export const dayAt = (seconds) => dayName(dayOf(seconds));
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeZone: "UTC" });
// "2026-11-29", a day of the ledger, as people write it.
export const fullDay = (date) => whole.format(new Date(`${date}T00:00:00Z`));
// Of a chart, where nine places are not wanted.
export const dollars = (value) => (value >= 10_000 ? `$${short(Math.round(value))}` : value >= 100 ? `$${Math.round(value).toLocaleString("en")}` : value >= 0.1 || value === 0 ? `$${value.toFixed(2)}` : `$${Number(value.toPrecision(2))}`);
