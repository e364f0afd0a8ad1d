// Signing in: by a link that opens once, from a real demonstration and from the verb, and by a token.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Demo, Rig, TOKEN } from "./rig.mjs";
import { accessible } from "./axe.mjs";

let rig;

before(async () => {
  rig = await Rig.start();
});

after(() => rig?.stop());

const link = async () => `${rig.url}/login#once=${(await rig.api("POST", "/api/v1/sign-in-links", {})).once}`;
const overview = (page) => page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();

test("the link of a demonstration opens the overview, once, and leaves nothing in the address", async () => {
  const demo = await Demo.start();
  try {
    const first = await rig.browser();
    const page = await first.newPage();
    const addresses = [];
    page.on("request", (request) => addresses.push(request.url()));
    await page.goto(demo.link);
    await overview(page);
    await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
    assert.equal(page.url(), new URL("/", demo.link).href);
    const secret = new URL(demo.link).hash.split("=")[1];
    assert.equal(secret.length, 43);
    assert.deepEqual(addresses.filter((address) => address.includes(secret) && !address.includes("#")), []);
    // Neither going back nor the same link again asks whoever is logged in.
    await page.goBack();
    assert.ok(!page.url().includes("once"), page.url());
    await page.goto(demo.link);
    await overview(page);
    await first.close();

    const second = await rig.browser();
    const late = await second.newPage();
    await late.goto(demo.link);
    await late.getByRole("alert").filter({ hasText: "used before" }).waitFor();
    assert.ok(!late.url().includes("once"), late.url());
    await second.close();
  } finally {
    await demo.stop();
  }
});

test("a link signs in with the rights of the token that made it", async () => {
  const { token } = await rig.api("POST", "/api/v1/admin-tokens", { name: "reader", scopes: ["users:read", "usage:read"] });
  const made = await fetch(`${rig.url}/api/v1/sign-in-links`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  const { once } = await made.json();
  const context = await rig.browser();
  const page = await context.newPage();
  await page.goto(`${rig.url}/login#once=${once}`);
  await overview(page);
  await page.getByRole("link", { name: "Users" }).first().waitFor();
  assert.equal(await page.getByRole("link", { name: "Keys" }).count(), 0);
  await context.close();
});

test("what a token may not see is neither asked for nor said to be empty", async () => {
  await rig.user("seen", { used: "11.25" });
  const { token } = await rig.api("POST", "/api/v1/admin-tokens", { name: "users only", scopes: ["users:read"] });
  const context = await rig.browser();
  await context.request.post(`${rig.url}/api/v1/session`, { data: { token } });
  const page = await context.newPage();
  const refused = [];
  page.on("response", (response) => response.status() === 403 && refused.push(response.url()));
  for (const [path, there] of [["/", "Closest to their limits"], ["/users/seen", "Account"]]) {
    await page.goto(rig.url + path);
    await page.getByRole("heading", { name: there }).waitFor();
    await page.locator("main").getByText("45%").first().waitFor();
    assert.deepEqual(await page.getByText(/No provider key configured|No key yet|No alerts yet|Nothing yet|no input yet/).allTextContents(), []);
  }
  await page.waitForLoadState("networkidle");
  assert.deepEqual(refused, []);
  await context.close();
});

test("a link that is put into the address of the login page signs in too", async () => {
  const context = await rig.browser();
  const page = await context.newPage();
  await page.goto(`${rig.url}/login`);
  await page.getByLabel("Admin token").waitFor();
  const found = await link();
  await page.evaluate((to) => location.assign(to), found);
  await overview(page);
  await context.close();
});

test("a server that is away keeps the link good", async () => {
  const context = await rig.browser();
  const page = await context.newPage();
  const found = await link();
  await page.route("**/api/v1/session", (route) => route.abort());
  await page.goto(found);
  await page.getByText("Farebox cannot be reached.").waitFor();
  assert.ok(!page.url().includes("once"), page.url());
  await page.unroute("**/api/v1/session");
  await page.getByRole("button", { name: "Try again" }).click();
  await overview(page);
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`the login says where a token is, in ${colorScheme}`, async () => {
    for (const width of [1440, 390]) {
      const context = await rig.browser({ colorScheme, viewport: { width, height: 800 } });
      const page = await context.newPage();
      await page.goto(`${rig.url}/login#once=old`);
      await page.getByRole("alert").filter({ hasText: "farebox dashboard" }).waitFor();
      await page.getByText("farebox-data/admin-token").waitFor();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.ok(!wide, `${width} px scroll sideways`);
      await accessible(page, `login, ${colorScheme}, ${width}`);
      // What was wrong with the link is gone with the next attempt.
      await page.getByLabel("Admin token").fill("a-wrong-token-of-some-length");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").filter({ hasText: "no admin token" }).waitFor();
      assert.equal(await page.getByRole("alert").count(), 1);
      await page.getByLabel("Admin token").fill(TOKEN);
      await page.keyboard.press("Enter");
      await overview(page);
      await context.close();
    }
  });
}
