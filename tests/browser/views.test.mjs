// What pages show besides their lists, and the changes that are made from there.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Rig } from "./rig.mjs";
import { accessible } from "./axe.mjs";

const FILE = `[admin]
requests_per_minute = 100000
[alerts]
allow_private = ["127.0.0.0/8"]
[history]
snapshot_every = "1s"
[providers.openai]
[[providers.openai.credentials]]
name = "first"
api_key = "any-1"
limits = ["100000 tokens/day"]
[[providers.openai.credentials]]
name = "second"
api_key = "any-2"
limits = ["100000 tokens/day"]
`;
let rig;
let sink;
let key;
const received = [];

before(async () => {
  sink = createServer((request, response) => {
    let text = "";
    request.on("data", (piece) => (text += piece)).on("end", () => {
      received.push(text);
      response.end("ok");
    });
  });
  await new Promise((done) => sink.listen(0, "127.0.0.1", done));
  rig = await Rig.start(FILE);
  await rig.api("POST", "/api/v1/alert-channels", { type: "slack", name: "finops", url: `http://127.0.0.1:${sink.address().port}/services/x`, reports: ["daily"] });
  await rig.user("alice", { used: "26" });
  key = await rig.key("alice");
  await rig.user("bob", { used: "3", limits: ["10usd/month"] });
  assert.equal(await rig.call(await rig.key("bob")), 200);
});

after(async () => {
  await rig?.stop();
  sink?.close();
});

test("an alert opens with its deliveries, in the list and at its user", async () => {
  for (const path of ["/alerts?level=exceeded", "/users/alice"]) {
    const page = await rig.page(path);
    await page.getByRole("table", { name: "Alerts" }).getByText("Delivered: finops").first().waitFor();
    await page.getByRole("table", { name: "Alerts" }).locator("[data-row]").first().click();
    const panel = page.getByRole("dialog", { name: "user:alice at 104%" });
    await panel.getByText("finops").waitFor();
    await panel.getByText("1 attempt").waitFor();
    await accessible(page, `an alert, ${path}`);
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
});

test("a user's latest requests are found behind a page that is empty and goes on", async () => {
  const page = await rig.page("/");
  await page.route(/\/api\/v1\/requests\?user=bob/, (route) => {
    const asked = new URL(route.request().url());
    if (!asked.searchParams.has("after")) return route.fulfill({ json: { data: [], has_more: true, next_cursor: "further" } });
    asked.searchParams.delete("after");
    return route.continue({ url: asked.href });
  });
  await page.goto(`${rig.url}/users/bob`);
  await page.getByRole("table", { name: "Requests" }).getByText("gpt-5").first().waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("what was spent is shown by model and by user, and projected", async () => {
  const page = await rig.page("/");
  const parts = page.getByRole("region", { name: /^Spent by (model|user)/ });
  await parts.getByText("gpt-5", { exact: true }).waitFor();
  await parts.getByRole("button", { name: "User" }).click();
  await parts.getByRole("link", { name: "alice" }).waitFor();
  assert.equal(await parts.getByRole("button", { name: "User" }).getAttribute("aria-pressed"), "true");
  // Nothing was spent on the days before, so nothing is to come.
  const projected = page.locator(".stat").filter({ hasText: "Projected this month" });
  const spent = page.locator(".stat").filter({ hasText: "Spent this month" });
  const figure = async (stat) => (await stat.locator("dd").innerText()).split("\n")[0];
  assert.equal(await figure(projected), await figure(spent));
  await page.context().close();
});

test("a key is changed: what it may call is refused from then on", async () => {
  const page = await rig.page("/keys?user=bob");
  const { data: [bob] } = await rig.api("GET", "/api/v1/keys?user=bob");
  await page.getByRole("button", { name: `Change ${bob.label}` }).click();
  const dialog = page.getByRole("dialog", { name: `Change ${bob.label}` });
  await dialog.getByLabel("Paths").fill("not a path");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.locator(".fault").filter({ hasText: "not a path" }).waitFor();
  await dialog.getByLabel("Paths").fill("/v1/embeddings");
  await dialog.getByLabel("Expires in").fill("90d");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  const now = await rig.api("GET", `/api/v1/keys/${bob.id}`);
  assert.deepEqual(now.routes, ["/v1/embeddings"]);
  assert.ok(Date.parse(now.expires_at) > Date.now() + 89 * 86_400_000, now.expires_at);
  await page.context().close();
});

test("a rule is changed", async () => {
  await rig.api("POST", "/api/v1/alert-rules", { name: "dear", kind: "absolute_usd", account: "user:bob", amount: "100usd", window: "1h" });
  const page = await rig.page("/alerts");
  await page.getByRole("button", { name: "Change dear" }).click();
  const dialog = page.getByRole("dialog", { name: "Change dear" });
  assert.equal(await dialog.getByLabel("Account").inputValue(), "user:bob");
  await dialog.getByLabel("Amount").fill("much");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.locator(".fault").filter({ hasText: "much" }).waitFor();
  await dialog.getByLabel("Amount").fill("250usd");
  await dialog.getByLabel("Level").selectOption("critical");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  const { amount, level, window: span } = await rig.api("GET", "/api/v1/alert-rules/dear");
  assert.deepEqual([parseFloat(amount), level, span], [250, "critical", "1h"]);
  await page.context().close();
});

test("all quotas of a provider are reset at once", async () => {
  const page = await rig.page("/providers");
  const pool = page.getByRole("region", { name: "Provider openai" });
  await pool.getByRole("meter", { name: "tokens/day of all keys" }).waitFor();
  const used = async () => (await rig.api("GET", "/api/v1/credentials/first")).limits[0].used;
  assert.notEqual(await used(), 0);
  await pool.getByRole("button", { name: "Reset all" }).click();
  const dialog = page.getByRole("dialog");
  assert.ok(await dialog.getByRole("button", { name: "Reset all" }).isDisabled());
  await page.keyboard.type("openai");
  await dialog.getByRole("button", { name: "Reset all" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal(await used(), 0);
  await page.context().close();
});

test("a report is sent to the channels that ask for it", async () => {
  const page = await rig.page(`/reports?date=${new Date().toISOString().slice(0, 10)}`);
  await page.getByRole("button", { name: "Send now" }).click();
  await page.getByTestId("toast").filter({ hasText: "finops" }).waitFor();
  const come = () => received.some((text) => text.includes("Spent") || text.toLowerCase().includes("report"));
  while (!come()) await new Promise(setImmediate);
  await page.goto(`${rig.url}/reports?kind=weekly`);
  await page.getByRole("button", { name: "Send now" }).click();
  await page.getByTestId("toast").filter({ hasText: "The report was not sent" }).waitFor();
  await page.context().close();
});

test("snapshots are a curve and a file", async () => {
  const page = await rig.page("/snapshots");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length > 3);
  await page.reload();
  await page.getByRole("heading", { name: /^Spent in the month/ }).waitFor();
  await page.locator(".plot canvas").waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  const text = await readFile(await download.path(), "utf8");
  assert.match(text, /^id,workspace_id,snapshot_time,.*month_cost_usd\r\n[0-9a-f-]{36},default,/);
  await page.context().close();
});
