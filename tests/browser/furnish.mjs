// A Farebox that has been at work for weeks, with all that makes a page hard to draw: for pictures.
// The past is made by a moved clock (Debian's `faketime`); without it there is today only.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const DAYS = 26;
export const FILE = `[admin]
requests_per_minute = 1000000
[alerts]
allow_private = ["127.0.0.0/8"]
[history]
snapshot_every = "2s"
[providers.openai]
[[providers.openai.credentials]]
name = "openai-prod"
api_key = "any-1"
limits = ["4000000 tokens/day", "2000 requests/minute"]
[[providers.openai.credentials]]
name = "openai-reserve"
api_key = "any-2"
limits = ["9000000 tokens/day"]
[[providers.openai.credentials]]
name = "openai-a-name-that-is-rather-long-for-a-card-in-a-pool-of-keys"
api_key = "any-3"
[providers.anthropic]
base_url = "UPSTREAM"
[[providers.anthropic.credentials]]
name = "anthropic-prod"
api_key = "any-4"
limits = ["14400 characters/day"]
`;
const PEOPLE = [
  ["amelia", "Amelia Brandt", "research", ["50usd/month", "60requests/minute"], 0.9],
  ["jonas", "Jonas Meyer", "platform", ["25usd/month"], 0.88],
  ["priya", "Priya Raman", "research", ["100usd/month", "5usd/day", "100000tokens/minute", "60requests/minute", "2000requests/day"], 0.82],
  ["tomas", "Tomás Ortega", "support", ["10usd/month"], 1.02],
  ["wei", "Wei Zhang", "platform", ["25usd/month"], 0.45],
  ["fatima", "Fatima El Amrani", "support", ["10usd/month"], 0.38],
  ["noah", "Noah Fischer", "platform", ["25usd/month"], 0.25],
  ["ci-bot", "CI", "platform", ["5usd/week"], 0.12],
  ["yusuf", "<img src=x onerror=alert(1)> يوسف ‮abc", "research", ["20usd/month"], 0.3],
  ["x".repeat(64), "W".repeat(64), "a-workspace-whose-name-is-long-but-allowed", ["9000000usd/month"], 0.000001],
  ["tiny", "Tiny", "research", ["0.00002usd/month"], 0],
  ["zero", "Zero", "research", ["0usd/month"], 0],
  ["free", "Free", "default", [], 0.2],
];
const MODELS = ["gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-4o", "gpt-4.1-mini", "o3", "gpt-4o-mini", "o4-mini", "gpt-4.1"];
// The library itself: the program `faketime` does not pass signals on.
const library = readdirSync("/usr/lib", { withFileTypes: true }).filter((one) => one.isDirectory()).map(({ name }) => `/usr/lib/${name}/faketime/libfaketime.so.1`).find(existsSync);
const moved = (days) => ["env", `LD_PRELOAD=${library}`, `FAKETIME=-${days}d`];

// A fixed sequence, so that two runs give the same pictures.
function dice(seed) {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

async function day(rig, keys, roll, weight) {
  const wait = [];
  for (const [[id, , , limits, share], key] of keys) {
    const limit = Number(limits[0]?.match(/^[\d.]+/)?.[0] ?? 30);
    const dollars = (Math.min(limit, 100) * share * weight) / DAYS * (0.6 + 0.8 * roll());
    const calls = 1 + Math.floor(roll() * 3);
    for (let i = 0; i < calls && share > 0; i += 1) {
      const model = MODELS[Math.floor(roll() ** 2 * MODELS.length)];
      const output = Math.max(1, Math.round((dollars / calls / 10) * 1_000_000 * 0.9));
      const input = Math.round(output * (2 + roll() * 3));
      wait.push(rig.call(key, model, { input, cached: Math.round(input * roll() * 0.8), output, reasoning: Math.round(output * 0.2), first_delay_ms: Math.round(20 + roll() * 60), ...(roll() < 0.04 ? { status: 500 } : {}) }).catch(() => 0));
    }
    if (id === "tiny") wait.push(rig.charge(id, "0.000001"));
  }
  await Promise.all(wait);
}

export async function furnish(rig) {
  const past = library ? DAYS : 0;
  const go = async (before) => {
    await rig.farebox.stop();
    await rig.serve(before);
  };
  if (past) {
    // The past begins with an empty ledger.
    await rig.farebox.stop();
    rmSync(join(rig.dir, "farebox-data"), { recursive: true, force: true });
    await rig.serve(moved(past));
  }
  for (const id of ["research", "platform", "support", "a-workspace-whose-name-is-long-but-allowed"]) await rig.api("POST", "/api/v1/workspaces", { id, limits: id === "research" ? ["200usd/month"] : [] });
  const keys = [];
  for (const person of PEOPLE) {
    const [id, name, workspace, limits] = person;
    await rig.user(id, { name, workspace, limits });
    keys.push([person, await rig.key(id)]);
  }
  await rig.api("POST", "/api/v1/keys", { user: "priya", name: "laptop <b>of</b> Priya", models: ["gpt-5*"], limits: ["10usd/month", "5requests/minute"], expires_in: "90d" });
  const old = await rig.api("POST", "/api/v1/keys", { user: "priya", name: "old" });
  await rig.api("DELETE", `/api/v1/keys/${old.id}`);
  await rig.api("DELETE", "/api/v1/users/default");
  await rig.api("POST", "/api/v1/alert-channels", { type: "slack", name: "finops", url: "http://127.0.0.1:9/services/x" });
  await rig.api("POST", "/api/v1/alert-channels", { type: "webhook", name: "a-webhook-whose-name-is-long", url: "http://127.0.0.1:9/a/rather/long/path/of/a/hook?with=query", secret: `whsec_${"A".repeat(32)}`, levels: ["exceeded"] });
  await rig.api("POST", "/api/v1/alert-rules", { name: "too-fast", kind: "burn_rate", account: "workspace:research", percent: 150, window: "1h" });
  await rig.api("POST", "/api/v1/alert-rules", { name: "providers-fail", kind: "error_rate", percent: 5, window: "1h", minimum_requests: 20 });
  const roll = dice(7);
  for (let ago = past; ago >= 0; ago -= 1) {
    if (ago !== past) await go(ago ? moved(ago) : []);
    const weekday = new Date(Date.now() - ago * 86_400_000).getUTCDay();
    await day(rig, keys, roll, weekday % 6 === 0 ? 0.3 : 1.1);
  }
  const [[, priya]] = keys.filter(([[id]]) => id === "priya");
  await Promise.all(Array.from({ length: 30 }, (_, i) => rig.call(priya, MODELS[i % 4], { input: 800 + 90 * i, output: 60 + i * 7 })));
  // What is left to the share that each is to have.
  for (const [[id, , , limits, share]] of keys) {
    const limit = Number(limits[0]?.match(/^[\d.]+(?=usd)/)?.[0] ?? 0);
    const { llm_quota: quota } = await rig.api("GET", `/api/v1/users/${id}`);
    const missing = limit * share - Number(quota.dollars_used);
    if (limit < 1000 && missing > 0) await rig.charge(id, missing.toFixed(6));
  }
  await rig.api("POST", "/api/v1/users/noah/suspend", {});
  await rig.api("POST", "/api/v1/limits/user:wei/bump", { amount: "+10usd" }).catch((why) => console.error(String(why)));
  await rig.api("POST", "/api/v1/credentials/openai-reserve/disable", {});
}
