// Channels and limits that are changed, and what a user will have spent.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig } from "./rig.mjs";

const FILE = `[admin]
requests_per_minute = 100000
[alerts]
allow_exec = true
[[alerts.channels]]
type = "exec"
name = "pager"
command = ["/bin/true", "ops"]
`;
let rig;

before(async () => {
  rig = await Rig.start(FILE);
  await rig.user("alice", { used: "11.25" });
  await rig.user("loose", { limits: [] });
});

after(() => rig?.stop());

test("a channel is changed and keeps its secret; one of the file is only shown", async () => {
  const channel = { type: "slack", name: "ops", url: "https://hooks.slack.com/services/T0/B0/secret", levels: ["critical"] };
  await rig.api("POST", "/api/v1/alert-channels", channel);
  const page = await rig.page("/alerts");
  const pager = page.getByRole("listitem").filter({ hasText: "pager" });
  await pager.getByText("/bin/true ***").waitFor();
  assert.equal(await pager.getByRole("button", { name: "Change pager" }).count(), 0);
  await page.getByRole("button", { name: "Change ops" }).click();
  const dialog = page.getByRole("dialog", { name: "Change ops" });
  assert.equal(await dialog.getByLabel("Webhook address").inputValue(), "");
  const chosen = async () => Promise.all(["Warning", "Critical", "Exceeded"].map((level) => dialog.getByRole("group", { name: "Levels" }).getByLabel(level).isChecked()));
  assert.deepEqual(await chosen(), [false, true, false]);
  await dialog.getByLabel("Webhook address").fill("http://127.0.0.1/x");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.locator(".fault").filter({ hasText: "127.0.0.1" }).waitFor();
  await dialog.getByLabel("Webhook address").fill("");
  await dialog.getByLabel("Exceeded").check();
  await dialog.getByLabel("Daily").check();
  await rig.api("PATCH", "/api/v1/alert-channels/ops", { levels: ["warning"] });
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Somebody else has changed it").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Change ops" }).click();
  assert.deepEqual(await chosen(), [true, false, false]);
  await dialog.getByLabel("Warning").uncheck();
  await dialog.getByLabel("Daily").check();
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  const ops = page.getByRole("listitem").filter({ hasText: "ops" });
  await ops.getByText("every level, daily report").waitFor();
  const now = await rig.api("GET", "/api/v1/alert-channels/ops");
  assert.equal(now.url, "https://hooks.slack.com/***");
  assert.deepEqual(now.reports, ["daily"]);
  await page.context().close();
});

test("a key has limits of its own, and the users page counts keys that work", async () => {
  const revoked = await rig.api("POST", "/api/v1/keys", { user: "alice", name: "old" });
  await rig.api("DELETE", `/api/v1/keys/${revoked.id}`);
  const { id } = await rig.api("POST", "/api/v1/keys", { user: "alice", name: "laptop" });
  const page = await rig.page("/users/alice");
  const key = page.getByRole("row").filter({ hasText: "laptop" });
  await key.getByText("the user's").waitFor();
  await key.getByRole("button", { name: /^Set limits of/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Limits").fill("2usd/day\n5requests/minute");
  await dialog.getByRole("button", { name: "Set limits" }).click();
  await key.getByText("2 usd/day and 1 more").waitFor();
  const { limits } = await rig.api("GET", `/api/v1/keys/${id}`);
  assert.deepEqual(limits.map(({ text }) => text), ["2 usd/day", "5 requests/minute"]);
  await page.setViewportSize({ width: 1500, height: 900 });
  await page.goto(`${rig.url}/users`);
  const alice = page.getByRole("row").filter({ has: page.getByRole("link", { name: "alice", exact: true }) });
  await page.getByRole("columnheader", { name: "Keys" }).waitFor();
  await alice.getByRole("link", { name: "1", exact: true }).click();
  await page.waitForURL(`${rig.url}/keys?user=alice`);
  await page.getByRole("row").filter({ hasText: "laptop" }).waitFor();
  await page.context().close();
});

test("what a user has used and will use in the period is a curve with its table", async () => {
  const told = await rig.api("GET", "/api/v1/forecast?account=user:alice");
  const page = await rig.page("/users/alice");
  const chart = page.locator("figure.chart").filter({ hasText: "Projected, with its range" });
  await chart.locator("canvas").waitFor();
  await chart.getByText("Limit", { exact: true }).waitFor();
  await chart.getByText("Used and projected as a table").click();
  const rows = chart.getByRole("row");
  assert.match(await rows.nth(1).innerText(), /\$0\.00$/);
  assert.match(await rows.nth((await rows.count()) - 2).innerText(), /\$11\.25$/);
  assert.match(await rows.last().innerText(), /projected/);
  assert.ok(Number(told.projected_usd) >= 11.25);
  await page.goto(`${rig.url}/users/loose`);
  await page.getByText("by the end of the month").waitFor();
  assert.equal(await chart.getByText("Limit", { exact: true }).count(), 0);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("r106 whoever wants no toasts has none in the next browser either", async () => {
  const page = await rig.page("/users");
  await page.getByRole("button", { name: /^Notifications/ }).click();
  const wanted = page.getByRole("dialog").getByLabel("Show new alerts as toasts");
  const kept = page.waitForResponse((answer) => answer.url().endsWith("/preferences") && answer.request().method() === "PUT");
  await wanted.uncheck();
  assert.equal((await kept).status(), 200);
  await page.context().close();
  const next = await rig.page("/users");
  await next.waitForFunction(() => localStorage.getItem("farebox.toasts") === "off");
  await next.getByTestId("live").filter({ hasText: "Live" }).waitFor();
  await rig.user("quiet", { limits: ["1usd/month"], used: "1" });
  await next.getByRole("button", { name: /^Notifications, \d+ unread$/ }).waitFor();
  assert.equal(await next.getByTestId("toast").count(), 0);
  assert.deepEqual(next.complaints, []);
  await next.context().close();
});
