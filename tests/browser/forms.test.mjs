// What is typed and what is opened: nothing of it is lost, and nothing of it is done twice.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig } from "./rig.mjs";

let rig;
let key;

before(async () => {
  rig = await Rig.start();
  await rig.user("alice");
  key = await rig.key("alice");
  assert.equal(await rig.call(key), 200);
});

after(() => rig?.stop());

const focused = (page, words) => page.waitForFunction((words) => document.activeElement.textContent.includes(words), words);

test("a filter that is half typed stays while calls come in", async () => {
  const page = await rig.page("/requests");
  const rows = page.locator("tbody [data-row]");
  await rows.first().waitFor();
  const model = page.getByLabel("Model", { exact: true });
  await model.pressSequentially("gp");
  const before = await rows.count();
  assert.equal(await rig.call(key), 200);
  await page.waitForFunction((n) => document.querySelectorAll("tbody [data-row]").length > n, before);
  await model.pressSequentially("t-5");
  assert.equal(await model.inputValue(), "gpt-5");
  await model.press("Enter");
  await page.waitForURL("**/requests?model=gpt-5");
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("Esc, however often, does not close a key that is shown once", async () => {
  const page = await rig.page("/keys");
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByLabel("User", { exact: true }).fill("alice");
  await page.keyboard.press("Enter");
  const secret = page.getByTestId("secret");
  await secret.waitFor();
  for (let i = 0; i < 4; i += 1) await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.querySelector("dialog")?.matches(":modal"));
  assert.match(await secret.textContent(), /^sk-fb-/);
  await page.getByRole("button", { name: "I have it" }).click();
  await secret.waitFor({ state: "detached" });
  await focused(page, "Create key");
  await page.context().close();
});

test("j and k walk through the keys", async () => {
  const page = await rig.page("/keys");
  await page.locator("tbody [data-row]").first().waitFor();
  await page.keyboard.press("j");
  await focused(page, "sk-fb-");
  await page.context().close();
});

test("when some of many cannot be raised, the others are not raised twice", async () => {
  await rig.user("many-a");
  await rig.user("many-b", { limits: [] });
  const page = await rig.page("/users?search=many&sort=name");
  await page.getByLabel("Select many-a").check();
  await page.getByLabel("Select many-b").check();
  await page.getByRole("button", { name: "Raise" }).click();
  const dialog = page.getByRole("dialog");
  const raise = dialog.getByRole("button", { name: "Raise" });
  await raise.focus();
  await page.keyboard.press("Enter");
  await dialog.getByText("1 of 2 are raised").waitFor();
  await rig.api("PUT", "/api/v1/limits/user:many-b", { limits: ["5usd/month"] });
  await raise.click();
  await dialog.waitFor({ state: "detached" });
  for (const [id, allowed] of [["many-a", "35.00"], ["many-b", "15.00"]]) {
    const { limits: [limit] } = await rig.api("GET", `/api/v1/limits/user:${id}`);
    assert.equal(Number(limit.limit), Number(allowed), id);
  }
  await page.context().close();
});

test("what was refused gives the focus back to the button that sent it", async () => {
  await rig.user("free", { limits: [] });
  const page = await rig.page("/users/free");
  await page.getByRole("button", { name: "Raise", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Raise" }).focus();
  await page.keyboard.press("Enter");
  await dialog.getByRole("alert").waitFor();
  await focused(page, "Raise");
  await page.context().close();
});

test("a raise whose answer is lost is done once, also when it is sent again", async () => {
  await rig.user("lost");
  const page = await rig.page("/users/lost");
  await page.getByRole("button", { name: "Raise", exact: true }).click();
  let asked = 0;
  await page.route("**/bump", async (route) => {
    asked += 1;
    const answer = await route.fetch();
    return asked === 1 ? route.abort() : route.fulfill({ response: answer });
  });
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Raise" }).click();
  await dialog.getByText("cannot be reached").waitFor();
  await dialog.getByRole("button", { name: "Raise" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal(asked, 2);
  const { limits: [limit] } = await rig.api("GET", "/api/v1/limits/user:lost");
  assert.equal(Number(limit.limit), 35);
  await page.context().close();
});

test("what somebody did is said, however many alerts stay", async () => {
  const page = await rig.page("/users/alice");
  await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
  for (const id of ["over-a", "over-b", "over-c"]) await rig.user(id, { limits: ["1usd/month"], used: "2" });
  const toasts = page.getByTestId("toast");
  await page.waitForFunction(() => document.querySelectorAll("[data-testid=toast].over").length === 3);
  await page.getByRole("button", { name: "Suspend" }).click();
  await toasts.filter({ hasText: "alice is suspended" }).getByRole("button", { name: "Undo" }).click();
  await toasts.filter({ hasText: "alice is suspended" }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Suspend" }).waitFor();
  await page.context().close();
});

test("figures of one metric are not shown under the name of another", async () => {
  const page = await rig.page("/activity");
  const card = page.getByRole("region", { name: "Spent, by model" });
  await card.getByText("gpt-5").waitFor();
  await page.route("**/api/v1/analytics/top?*", (route) => route.abort());
  await page.getByLabel("Metric").selectOption("cache_saved");
  const other = page.getByRole("region", { name: "Saved by caches, by model" });
  await other.getByRole("alert").waitFor();
  assert.equal(await other.getByText("gpt-5").count(), 0);
  await page.context().close();
});

test("on a narrow screen the keyboard gets into the navigation, and out of it with Esc", async () => {
  const page = await rig.page("/users", { viewport: { width: 390, height: 800 } });
  const menu = page.getByRole("button", { name: "Navigation", exact: true });
  await menu.focus();
  await page.keyboard.press("Enter");
  await focused(page, "Overview");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement.getAttribute("aria-label") === "Navigation");
  assert.equal(await menu.getAttribute("aria-expanded"), "false");
  await page.context().close();
});
