// The dashboard in a real browser, against the built program with traffic.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig, TOKEN } from "./rig.mjs";
import { accessibleInBoth } from "./axe.mjs";

const XSS = "<img src=x onerror=\"document.title='broken'\"> مرحبا";
const PAGES = ["/", "/users", "/users/alice", "/keys", "/providers", "/requests", "/activity", "/alerts", "/snapshots", `/reports?date=${new Date().toISOString().slice(0, 10)}`, "/settings"];
let rig;

before(async () => {
  rig = await Rig.start();
  await rig.api("POST", "/api/v1/workspaces", { id: "eng" });
  await rig.user("alice", { limits: ["25usd/month", "60requests/minute"], used: "11.25", workspace: "eng", name: "Alice" });
  await rig.user("bob", { used: "21" });
  await rig.user("carol", { used: "23.5" });
  await rig.user("dave", { used: "26" });
  await rig.user("free", { limits: [] });
  await rig.user("zero", { limits: ["0usd/month"] });
  await rig.user("tiny", { used: "0.000001" });
  await rig.user("rich", { limits: ["9000000usd/month"], used: "4050000" });
  await rig.user("x".repeat(64), { name: XSS });
  const key = await rig.key("alice");
  for (let i = 0; i < 3; i += 1) assert.equal(await rig.call(key), 200);
});

after(() => rig?.stop());

// The cells of the row of a user, by the names of their columns.
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });

test("a page asks for a login and comes back to where it was", async () => {
  const made = await rig.browser();
  const page = await made.newPage();
  await page.goto(`${rig.url}/users?search=ali`);
  await page.getByLabel("Admin token").fill("a-wrong-token-of-some-length");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "no admin token" }).waitFor();
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${rig.url}/users?search=ali`);
  await row(page, "Alice").waitFor();
  assert.equal(await page.getByRole("link", { name: "bob" }).count(), 0);
  await made.close();
});

test("r101 r103 the users page has the column Quota Utilization, as a bar and in figures", async () => {
  const page = await rig.page("/users");
  await page.getByRole("columnheader", { name: "Quota Utilization" }).waitFor();
  const alice = row(page, "Alice");
  await alice.getByText("45%", { exact: true }).waitFor();
  const meter = alice.getByRole("meter");
  assert.equal(await meter.getAttribute("aria-valuenow"), "45");
  assert.match(await meter.getAttribute("aria-valuetext"), /^45 percent, 11\.25 of 25\.00 dollars$/);
  await row(page, "dave").getByText("104%").waitFor();
  await row(page, "zero").getByText("100%").waitFor();
  await row(page, "free").getByText("No limit", { exact: true }).waitFor();
  await row(page, "rich").getByText("$4,050,000.00").waitFor();
  await row(page, "tiny").getByText("$0.000001").waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("r102 the list is sorted, filtered and searched on the server, and the address says how", async () => {
  const page = await rig.page("/users");
  const head = page.getByRole("columnheader", { name: "Quota Utilization" });
  assert.equal(await head.getAttribute("aria-sort"), "descending");
  await row(page, "dave").waitFor();
  assert.match(await page.getByRole("row").nth(1).innerText(), /dave/);
  await head.getByRole("button").click();
  await page.waitForURL(/sort=utilization/);
  assert.equal(await head.getAttribute("aria-sort"), "ascending");
  await page.getByLabel("Status").selectOption("warning");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await row(page, "bob").waitFor();
  await page.getByLabel("Status").selectOption("");
  await page.keyboard.press("Escape");
  await page.locator("h1").click();
  await page.keyboard.press("/");
  await page.keyboard.type("CAR");
  await page.waitForURL(/search=CAR/);
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  await row(page, "carol").waitFor();
  await page.context().close();
});

test("r110 r111 r112 a status is colour, icon and word, and a reset is counted down", async () => {
  const page = await rig.page("/users");
  const dave = row(page, "dave");
  const badge = dave.locator(".badge");
  assert.equal(await badge.innerText(), "Quota exceeded");
  assert.equal(await badge.locator("svg").count(), 1);
  const countdown = dave.getByTestId("countdown");
  assert.match(await countdown.innerText(), /^(\d+d )?\d\d:\d\d:\d\d$/);
  assert.match(await countdown.getAttribute("title"), /20\d\d.*UTC/);
  const first = await countdown.innerText();
  await page.waitForFunction(([name, was]) => {
    const found = [...document.querySelectorAll("tr")].find((tr) => tr.innerText.includes(name));
    return found.querySelector("time").innerText !== was;
  }, ["dave", first]);
  await page.context().close();
});

test("r108 what is charged is on the page within two seconds", async () => {
  await rig.user("eve", { limits: ["10usd/month"] });
  const page = await rig.page("/users?search=eve");
  await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
  await row(page, "eve").getByText("0%").waitFor();
  await rig.charge("eve", "7.5");
  await row(page, "eve").getByText("75%").waitFor({ timeout: 2000 });
  await page.context().close();
});

test("names with markup stay text", async () => {
  const page = await rig.page("/users");
  await page.getByText("<img src=x onerror", { exact: false }).first().waitFor();
  await page.goto(`${rig.url}/users/${"x".repeat(64)}`);
  await page.getByRole("heading", { level: 1 }).filter({ hasText: "<img src=x" }).waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  assert.doesNotMatch(await page.title(), /^broken/);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("a user is created by the keyboard alone, and the page leads to it", async () => {
  const page = await rig.page("/users");
  const create = page.getByRole("button", { name: "Create user" });
  await create.waitFor();
  for (let i = 0; i < 40 && !(await create.evaluate((it) => it === document.activeElement)); i += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Create a user" });
  await dialog.waitFor();
  await page.keyboard.type("not an id");
  await page.keyboard.press("Enter");
  await dialog.getByText("is not an id", { exact: false }).first().waitFor();
  await dialog.getByLabel("User").focus();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("keyboarder");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type("5usd/day");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  const made = await rig.api("GET", "/api/v1/users/keyboarder");
  assert.equal(made.limits[0].text, "5 usd/day");
  await row(page, "keyboarder").waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/users\/.+/);
  await page.context().close();
});

test("a key is shown once, works, and is revoked", async () => {
  const page = await rig.page("/keys");
  await page.getByRole("button", { name: "Create key" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Create key" });
  await dialog.getByLabel("User").fill("bob");
  await dialog.getByLabel("Name").fill("laptop");
  await dialog.getByRole("button", { name: "Create key" }).click();
  const key = await page.getByTestId("secret").innerText();
  assert.match(key, /^sk-fb-/);
  assert.equal(await rig.call(key), 200);
  await page.getByRole("button", { name: "I have it" }).click();
  const made = page.getByRole("row").filter({ hasText: "laptop" });
  await made.waitFor();
  assert.doesNotMatch(await page.content(), new RegExp(key));
  await made.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await made.getByText("Revoked").waitFor();
  assert.equal(await rig.call(key), 401);
  await page.context().close();
});

test("limits are raised, set and reset; a suspension is undone", async () => {
  await rig.user("mallory", { limits: ["10usd/month"], used: "9.5" });
  const page = await rig.page("/users/mallory");
  await page.getByRole("region", { name: "Limits" }).getByText("95%").waitFor();
  await page.getByRole("button", { name: "Raise" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Raise" }).click();
  await page.getByText("raised by $10.00").waitFor();
  await page.getByRole("button", { name: "Set limits" }).click();
  const set = page.getByRole("dialog");
  await rig.api("PUT", "/api/v1/limits/user:mallory", { limits: ["11usd/month"] });
  await set.getByLabel("Limits").fill("50usd/month");
  await set.getByRole("button", { name: "Set limits" }).click();
  await set.getByText("Somebody else has changed it").waitFor();
  await set.getByRole("button", { name: "Cancel" }).click();
  await page.reload();
  await page.getByRole("button", { name: "Suspend" }).click();
  await page.getByTestId("toast").getByRole("button", { name: "Undo" }).click();
  await page.getByRole("button", { name: "Suspend" }).waitFor();
  assert.equal((await rig.api("GET", "/api/v1/users/mallory")).status !== "suspended", true);
  await page.getByRole("button", { name: "Reset" }).click();
  await page.getByRole("dialog").getByLabel("Type mallory to go on").fill("mallory");
  await page.getByRole("dialog").getByRole("button", { name: "Reset" }).click();
  await page.getByText("0%", { exact: true }).first().waitFor();
  await page.context().close();
});

test("r104 r105 r106 toasts: a warning goes by itself, an exceeded quota stays, the panel keeps both", async () => {
  await rig.user("toasted", { limits: ["10usd/month"] });
  const page = await rig.page("/users");
  await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
  await rig.charge("toasted", "8.5");
  const warning = page.getByTestId("toast").filter({ hasText: "user:toasted at 85%" });
  await warning.waitFor();
  assert.equal(await warning.getAttribute("role"), "status");
  await warning.waitFor({ state: "detached", timeout: 9000 });
  await rig.charge("toasted", "2");
  const exceeded = page.getByTestId("toast").and(page.getByRole("alert"));
  await exceeded.filter({ hasText: "user:toasted at 105%" }).waitFor();
  await page.getByRole("button", { name: /^Notifications, \d+ unread$/ }).click();
  const panel = page.getByRole("dialog", { name: "Notifications" });
  await panel.getByText("user:toasted").first().waitFor();
  await panel.getByLabel("Show new alerts as toasts").uncheck();
  await panel.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Notifications", exact: true }).waitFor();
  await exceeded.getByRole("button", { name: "Dismiss" }).click();
  await rig.user("silent", { limits: ["1usd/month"], used: "1" });
  await page.getByRole("button", { name: /^Notifications, \d+ unread$/ }).waitFor();
  assert.equal(await page.getByTestId("toast").filter({ hasText: "silent" }).count(), 0);
  await page.context().close();
});

test("r107 while nothing has come there are bones, and nothing jumps", async () => {
  const made = await rig.browser();
  await made.request.post(`${rig.url}/api/v1/session`, { data: { token: TOKEN } });
  const page = await made.newPage();
  let release;
  const held = new Promise((done) => { release = done; });
  await page.route("**/api/v1/users?*", async (route) => {
    await held;
    await route.continue();
  });
  await page.addInitScript(() => {
    window.shifted = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.shifted += entry.hadRecentInput ? 0 : entry.value; })).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(`${rig.url}/users`);
  await page.locator(".bone").first().waitFor();
  release();
  await row(page, "Alice").waitFor();
  assert.ok((await page.evaluate(() => window.shifted)) < 0.05);
  await page.context().close();
});

test("a login that ends in the middle of an edit is renewed without losing it", async () => {
  const page = await rig.page("/users");
  await page.getByRole("button", { name: "Create user" }).click();
  await page.getByRole("dialog").getByLabel("User").fill("interrupted");
  await page.context().clearCookies();
  await page.getByRole("dialog").getByRole("button", { name: "Create user" }).click();
  const again = page.getByRole("dialog", { name: "Your session has ended" });
  await again.getByLabel("Admin token").fill(TOKEN);
  await again.getByRole("button", { name: "Sign in" }).click();
  await again.waitFor({ state: "detached" });
  const dialog = page.getByRole("dialog", { name: "Create a user" });
  assert.equal(await dialog.getByLabel("User").inputValue(), "interrupted");
  await dialog.getByRole("button", { name: "Create user" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal((await rig.api("GET", "/api/v1/users/interrupted")).id, "interrupted");
  await page.context().close();
});

test("r111 axe finds nothing on any page, in either theme", async () => {
  const page = await rig.page("/", { reducedMotion: "reduce" });
  for (const path of PAGES) {
    await page.goto(rig.url + path);
    await page.locator("h1").waitFor();
    await page.waitForFunction(() => !document.querySelector(".bone"));
    await accessibleInBoth(page, path);
  }
  await page.goto(`${rig.url}/users`);
  await page.getByRole("button", { name: "Create user" }).click();
  await accessibleInBoth(page, "the dialog");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /^Notifications/ }).click();
  await page.getByText("Last 30 days").waitFor();
  await accessibleInBoth(page, "the panel");
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("at 390 pixels nothing scrolls sideways, and the column is called Quota", async () => {
  const page = await rig.page("/users", { viewport: { width: 390, height: 844 } });
  await page.getByRole("columnheader", { name: "Quota", exact: true }).waitFor();
  for (const path of PAGES) {
    await page.goto(rig.url + path);
    await page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".bone"));
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(beyond <= 0, `${path} by ${beyond}`);
  }
  await page.context().close();
});
