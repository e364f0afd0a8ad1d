// Sums by day, without gaps: a day on which nothing was spent is a bar of no height.
import { short } from "./format.js";

const DAY = 86_400;

// Sums [{day: "2026-11-29", cost_nanousd}] → [[unix seconds, dollars]] of the last `length` days up to
// `today`. Days are those of the ledger, wherever it is; in seconds they stand for their dates only.
export function dailyDollars({ sums, today }, length) {
  const found = new Map(sums.map((sum) => [sum.day, sum.cost_nanousd]));
  const last = Date.parse(`${today}T00:00:00Z`) / 1000;
  return Array.from({ length }, (_, i) => {
    const at = last - (length - 1 - i) * DAY;
    return [at, (found.get(new Date(at * 1000).toISOString().slice(0, 10)) || 0) / 1e9];
  });
}

const format = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
export const dayName = (seconds) => format.format(new Date(seconds * 1000));
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeZone: "UTC" });
// "2026-11-29", a day of the ledger, as people write it.
export const fullDay = (date) => whole.format(new Date(`${date}T00:00:00Z`));
// Of a chart, where nine places are not wanted.
export const dollars = (value) => (value >= 10_000 ? `$${short(Math.round(value))}` : value >= 100 ? `$${Math.round(value).toLocaleString("en")}` : value >= 0.1 || value === 0 ? `$${value.toFixed(2)}` : `$${Number(value.toPrecision(2))}`);
