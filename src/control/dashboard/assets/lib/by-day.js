// What was spent on each day, by the calendar of the ledger.
import { get, query } from "./api.js";
import { now } from "./time.js";

// {sums: [{day, cost_nanousd}], today: "2026-11-29", timezone}
export async function spentByDay(parameters, signal) {
  const usage = get(`/api/v1/analytics/usage${query({ group_by: "day", ...parameters })}`, { signal });
  const [{ data: sums }, { timezone }] = await Promise.all([usage, get("/api/v1/system", { signal })]);
  // Swedes write dates as the ledger does.
  const today = new Intl.DateTimeFormat("sv-SE", { timeZone: timezone }).format(new Date(now()));
  return { sums, today, timezone };
}
