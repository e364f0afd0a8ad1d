// Scopes of admin tokens, and the sets of them that people call roles.

// [resource, whether it can be written]
export const RESOURCES = [
  ["users", true],
  ["keys", true],
  ["workspaces", true],
  ["limits", true],
  ["providers", true],
  ["usage", true],
  ["alerts", true],
  ["pricing", true],
  ["audit", false],
  ["config", true],
  ["ledger", false],
  ["tokens", true],
];

const reads = (names) => names.map((name) => `${name}:read`);
const LOOKS = reads(["users", "keys", "workspaces", "limits", "providers", "usage", "alerts", "pricing", "audit", "config", "ledger"]);

// [name, what for, scopes]
export const ROLES = [
  ["Viewer", "sees everything but admin tokens, and changes nothing", LOOKS],
  ["Operator", "a Viewer who makes users and keys, sets limits, and turns providers and alerts on and off", [...LOOKS, "users:write", "keys:write", "limits:write", "providers:write", "alerts:write"]],
  ["Billing", "sees who spends what, and sets and resets limits", [...reads(["users", "workspaces", "limits", "usage", "alerts", "pricing", "audit"]), "limits:write", "budget:reset"]],
  ["Administrator", "may do everything, also make tokens", ["admin"]],
];

// The role that is this set of scopes, in any order; undefined where none is.
export function roleOf(scopes) {
  const held = new Set(scopes);
  return ROLES.find(([, , of]) => of.length === held.size && of.every((scope) => held.has(scope)))?.[0];
}
