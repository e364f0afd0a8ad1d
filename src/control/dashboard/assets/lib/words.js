// Words of the API with their colour and icon. A colour is never alone.
import { percent } from "./format.js";

const WORDS = {
  normal: ["ok", "check", "Normal"],
  available: ["ok", "check", "Available"],
  active: ["ok", "check", "Active"],
  delivered: ["ok", "check", "Delivered"],
  finished: ["ok", "check", "Finished"],
  warning: ["warn", "triangle", "Warning"],
  pending: ["warn", "clock", "Pending"],
  estimated: ["warn", "info", "Estimated"],
  degraded: ["warn", "pulse", "Degraded"],
  critical: ["crit", "triangle", "Critical"],
  rate_limited: ["crit", "clock", "Rate limited"],
  cooling_down: ["crit", "clock", "Cooling down"],
  orphaned: ["crit", "triangle", "Orphaned"],
  cut: ["warn", "cut", "Cut"],
  left: ["warn", "cut", "Left"],
  limited: ["warn", "clock", "Rate limited"],
  timeout: ["crit", "clock", "No answer in time"],
  unreachable: ["crit", "cut", "Unreachable"],
  broken_off: ["crit", "cut", "Connection broke"],
  forbidden: ["warn", "stop", "Refused"],
  rejected: ["over", "stop", "Key rejected"],
  exhausted: ["over", "stop", "Out of quota"],
  quota_exceeded: ["over", "stop", "Quota exceeded"],
  exceeded: ["over", "stop", "Exceeded"],
  quarantined: ["over", "stop", "Quarantined"],
  failed: ["over", "stop", "Failed"],
  suspended: ["off", "pause", "Suspended"],
  disabled: ["off", "pause", "Disabled"],
  revoked: ["off", "stop", "Revoked"],
  expired: ["off", "clock", "Expired"],
};

export function word(status) {
  const [tone, icon, text] = WORDS[status] || ["off", "dot", String(status ?? "Unknown").replaceAll("_", " ")];
  return { tone, icon, text };
}

// The colour of a bar: below 80 all is well.
export function tone(percent, status) {
  if (status === "suspended" || status === "disabled") return "off";
  if (percent === null || percent === undefined) return "none";
  if (percent >= 100) return "over";
  if (percent >= 90) return "crit";
  return percent >= 80 ? "warn" : "ok";
}

export const USER_STATUSES = ["normal", "warning", "critical", "rate_limited", "quota_exceeded", "suspended"];

// What an alert is about, in a few words: those of a rule have their own.
export function headline({ account, rule, headline: text, usage_percent: used }) {
  if (used === null || used === undefined) return text || rule || account || "Alert";
  return `${account} at ${percent(used)}`;
}
