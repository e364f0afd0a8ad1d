// The sections of the settings, as admins walk through them.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "./redis.mjs";
import { Rig } from "./rig.mjs";
import { accessible } from "./axe.mjs";

const SECTIONS = ["you", "workspaces", "tokens", "pricing&model=gpt-5&against=built_in", "limits&account=user:alice", "audit", "health"];
const FILE = "[admin]\nrequests_per_minute = 100000\n";
const PRICES = fileURLToPath(new URL("../../pricing.toml", import.meta.url));
// The page asks every ten seconds, and the proxy notices within some.
const OUTAGE = 60_000;
const LARGEST_SHIFT = 0.1;
let rig;

before(async () => {
  rig = await Rig.start(FILE);
  await rig.api("POST", "/api/v1/workspaces", { id: "eng", limits: ["100usd/month"] });
  await rig.user("alice", { limits: ["25usd/month", "60requests/minute"], used: "11.25", workspace: "eng" });
});

after(() => rig?.stop());

const shown = (page) => page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".bone"));
const close = (page) => page.context().close();

for (const colorScheme of ["light", "dark"]) {
  test(`every section is accessible and fits a narrow screen, ${colorScheme}`, async () => {
    for (const width of [1440, 390]) {
      const page = await rig.page("/settings", { colorScheme, viewport: { width, height: 900 } });
      await page.addInitScript(() => {
        window.shifted = 0;
        new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (window.shifted += value))).observe({ type: "layout-shift", buffered: true });
      });
      for (const section of SECTIONS) {
        await page.goto(`${rig.url}/settings?section=${section}`);
        await shown(page);
        const shift = await page.evaluate(() => window.shifted);
        assert.ok(shift < LARGEST_SHIFT, `${section} jumps by ${shift} at ${width}`);
        await accessible(page, `${section} ${colorScheme} ${width}`);
        const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(beyond <= 0, `${section} is ${beyond} pixels too wide at ${width}`);
      }
      assert.deepEqual(page.complaints, []);
      await close(page);
    }
  });
}

test("sections have addresses and are walked by keyboard", async () => {
  const page = await rig.page("/settings");
  const sections = page.getByRole("navigation", { name: "Settings" });
  await sections.getByRole("link", { name: "For you" }).and(page.locator("[aria-current=page]")).waitFor();
  await sections.getByRole("link", { name: "Workspaces" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(`${rig.url}/settings?section=workspaces`);
  await page.getByRole("row", { name: /eng/ }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Who you are" }).waitFor();
  await page.goto(`${rig.url}/settings?section=nothing`);
  await page.getByText("There is no such section").waitFor();
  await close(page);
});

test("a workspace is made, shown with its use, edited, and deleted once it is empty", async () => {
  const page = await rig.page("/settings?section=workspaces");
  const dialog = page.getByRole("dialog");
  const eng = page.getByRole("row", { name: /eng/ });
  await eng.getByText("11%").waitFor();
  assert.match(await eng.getByRole("meter").getAttribute("aria-valuetext"), /^11 percent, 11\.25 of 100\.00 dollars$/);
  await eng.getByRole("link", { name: "1", exact: true }).waitFor();
  await page.getByRole("button", { name: "Create workspace" }).click();
  await dialog.getByLabel("Workspace").fill("ops");
  await dialog.getByLabel("Limits").fill("9usd/day");
  await dialog.getByRole("button", { name: "Create workspace" }).click();
  const ops = page.getByRole("row", { name: /ops/ });
  await ops.getByRole("button", { name: "Edit ops" }).click();
  await dialog.getByLabel("Name").fill("Operations");
  await dialog.getByLabel("Alerts at").fill("50, 100");
  await dialog.getByLabel("Enforcement").selectOption("strict");
  await dialog.getByRole("button", { name: "Save" }).click();
  await ops.getByText("Operations").waitFor();
  const made = await rig.api("GET", "/api/v1/workspaces/ops");
  assert.deepEqual([made.name, made.thresholds, made.enforcement, made.limits[0].text], ["Operations", [50, 100], "strict", "9 usd/day"]);
  // Not while somebody is in it.
  await page.getByRole("button", { name: "Delete eng" }).click();
  const last = dialog.getByRole("button", { name: "Delete" });
  assert.ok(await last.isDisabled());
  await dialog.getByLabel("Type eng to go on").fill("eng");
  await last.click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Delete ops" }).click();
  await dialog.getByLabel("Type ops to go on").fill("ops");
  await last.click();
  await ops.waitFor({ state: "detached" });
  assert.equal(await page.getByRole("button", { name: "Delete default" }).count(), 0);
  await close(page);
});

test("two who change one workspace, or one key: the second is told", async () => {
  const page = await rig.page("/settings?section=workspaces");
  const dialog = page.getByRole("dialog");
  const told = dialog.getByText("Somebody else has changed it meanwhile");
  await page.getByRole("button", { name: "Edit eng" }).click();
  await dialog.getByLabel("Name").waitFor();
  await rig.api("PATCH", "/api/v1/workspaces/eng", { name: "Engines" });
  await dialog.getByLabel("Name").fill("Engineering");
  await dialog.getByRole("button", { name: "Save" }).click();
  await told.waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Set limits of eng" }).click();
  await dialog.getByLabel("Limits").waitFor();
  await rig.api("PUT", "/api/v1/limits/workspace:eng", { limits: ["200usd/month"] });
  await dialog.getByLabel("Limits").fill("300usd/month");
  await dialog.getByRole("button", { name: "Set limits" }).click();
  await told.waitFor();
  assert.equal((await rig.api("GET", "/api/v1/limits/workspace:eng")).limits[0].limit, "200");
  const { id } = await rig.api("POST", "/api/v1/keys", { user: "alice", limits: ["5usd/day"] });
  await page.goto(`${rig.url}/keys?user=alice`);
  await page.getByRole("button", { name: /^Set limits of/ }).first().click();
  await dialog.getByLabel("Limits").waitFor();
  await rig.api("PUT", `/api/v1/limits/key:${id}`, { limits: ["6usd/day"] });
  await dialog.getByLabel("Limits").fill("7usd/day");
  await dialog.getByRole("button", { name: "Set limits" }).click();
  await told.waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  // What stands there now is read when it is opened again.
  await page.getByRole("button", { name: /^Set limits of/ }).first().click();
  assert.equal(await dialog.getByLabel("Limits").inputValue(), "6 usd/day");
  await dialog.getByLabel("Limits").fill("7usd/day");
  await dialog.getByRole("button", { name: "Set limits" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal((await rig.api("GET", `/api/v1/limits/key:${id}`)).limits[0].limit, "7");
  await close(page);
});

test("the second is told also where the page behind the form has read it again", async () => {
  const page = await rig.page("/users/alice");
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Set limits", exact: true }).click();
  await dialog.getByLabel("Limits").waitFor();
  await rig.api("PUT", "/api/v1/limits/user:alice", { limits: ["70usd/month"] });
  await rig.charge("alice", "0.01");
  await page.getByText(/of \$70\.00/).waitFor();
  await dialog.getByLabel("Limits").fill("80usd/month");
  await dialog.getByRole("button", { name: "Set limits" }).click();
  await dialog.getByText("Somebody else has changed it meanwhile").waitFor();
  assert.equal((await rig.api("PUT", "/api/v1/limits/user:alice", { limits: ["25usd/month", "60requests/minute"] })).limits.length, 2);
  await close(page);
});

test("a token is made from a role, shown once, and deleted; nobody grants more than he has", async () => {
  const page = await rig.page("/settings?section=tokens");
  const dialog = page.getByRole("dialog");
  await page.getByText("Only the configured token").waitFor();
  await page.getByRole("button", { name: "Create token" }).click();
  await dialog.getByLabel("Name").fill("teller");
  await dialog.getByLabel("Role").selectOption("Billing");
  assert.ok(await dialog.getByLabel("budget:reset").isChecked());
  assert.ok(!(await dialog.getByLabel("keys:write").isChecked()));
  await dialog.getByLabel("tokens:write").check();
  await dialog.getByLabel("tokens:read").check();
  assert.equal(await dialog.getByLabel("Role").inputValue(), "");
  await dialog.getByLabel("Expires in").fill("90d");
  await dialog.getByRole("button", { name: "Create token" }).click();
  const token = await dialog.locator(".secret code").innerText();
  await dialog.getByRole("button", { name: "I have it" }).click();
  const row = page.getByRole("row", { name: /teller/ });
  await row.getByText("Chosen scopes").waitFor();
  assert.ok(!(await page.content()).includes(token));
  await row.getByRole("button", { name: "Token teller" }).focus();
  await page.keyboard.press("Enter");
  await dialog.getByText("budget:reset", { exact: true }).waitFor();
  await page.keyboard.press("Escape");

  // Whoever signs in with it cannot grant what it lacks, and sees only its sections.
  const made = await rig.browser();
  await made.request.post(`${rig.url}/api/v1/session`, { data: { token } });
  const other = await made.newPage();
  await other.goto(`${rig.url}/settings?section=tokens`);
  await other.getByRole("button", { name: "Create token" }).click();
  assert.deepEqual(await other.getByLabel("Role").locator("option").allInnerTexts(), ["Chosen below", "Billing"]);
  assert.ok(await other.getByRole("dialog").getByLabel("admin", { exact: true }).isDisabled());
  assert.ok(await other.getByRole("dialog").getByLabel("keys:write").isDisabled());
  await other.keyboard.press("Escape");
  const sections = await other.getByRole("navigation", { name: "Settings" }).getByRole("link").allInnerTexts();
  assert.deepEqual(sections, ["For you", "Workspaces", "Admin tokens", "Prices", "Limits", "Audit log", "System health"]);
  await other.goto(`${rig.url}/settings?section=health`);
  await other.getByText("The ledger answers").waitFor();
  assert.equal(await other.getByRole("button", { name: "Reload configuration" }).count(), 0);
  await made.close();

  await page.getByRole("button", { name: "Rotate teller" }).click();
  await dialog.getByRole("button", { name: "Rotate" }).click();
  assert.notEqual(await dialog.locator(".secret code").innerText(), token);
  await dialog.getByRole("button", { name: "I have it" }).click();
  await page.getByRole("button", { name: "Delete teller" }).click();
  await dialog.getByLabel("Type teller to go on").fill("teller");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.getByText("Only the configured token").waitFor();
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("prices: what a model costs, and what a reload changed", async () => {
  const page = await rig.page("/settings?section=pricing");
  await page.getByText("No other prices yet").waitFor();
  await page.getByLabel("Model, as calls name it").fill("gpt-5-codex");
  await page.waitForURL(/model=gpt-5-codex/);
  const input = page.getByRole("table", { name: "Prices of the model" }).getByRole("row", { name: /^Input/ });
  await input.getByText("$1.25").waitFor();
  await input.getByText("$0.625").first().waitFor();
  await page.getByText("for gpt-5-codex").waitFor();
  await page.getByLabel("Model, as calls name it").fill("gtp-5");
  await page.getByText("did you mean gpt-5").waitFor();

  const table = (await readFile(PRICES, "utf8")).replace(/(id = "gpt-5"\n[\s\S]*?input = )"1\.25"/, '$1"2.5"');
  await writeFile(join(rig.dir, "prices.toml"), table);
  await writeFile(join(rig.dir, "farebox.toml"), `pricing = "prices.toml"\n${FILE}`);
  await page.goto(`${rig.url}/settings?section=health`);
  await page.getByRole("button", { name: "Reload configuration" }).click();
  await page.getByRole("link", { name: "Which prices are different" }).click();
  await page.getByText("1 model at other prices, 0 new, 0 gone.").waitFor();
  const changed = page.getByRole("table", { name: "Prices that differ" }).getByRole("row", { name: /^gpt-5/ }).first();
  await changed.getByText("$1.25").waitFor();
  await changed.getByText("$2.50", { exact: true }).waitFor();
  await changed.getByText("+100%").waitFor();
  // The table that is built in is the same one here.
  await page.getByLabel("Compared with").selectOption("built_in");
  await page.waitForURL(/against=built_in/);
  await changed.getByText("+100%").waitFor();
  await writeFile(join(rig.dir, "farebox.toml"), FILE);
  assert.deepEqual((await rig.api("POST", "/api/v1/config/reload", {})).changed, ["pricing"]);
  await page.reload();
  await page.getByText("No listed price is another one").waitFor();
  await close(page);
});

test("a file that is refused is shown with its line, and nothing changes", async () => {
  const page = await rig.page("/settings?section=health");
  await writeFile(join(rig.dir, "farebox.toml"), `${FILE}[nothing]\nof = "this"\n`);
  await page.getByRole("button", { name: "Reload configuration" }).click();
  const told = page.getByRole("alert").filter({ hasText: "The file is refused" });
  await told.getByText(/nothing has changed: .*farebox\.toml:\d+/).waitFor();
  await writeFile(join(rig.dir, "farebox.toml"), FILE);
  await page.getByRole("button", { name: "Reload configuration" }).click();
  await page.getByText("Nothing has changed").waitFor();
  await told.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Verify the ledger" }).click();
  await page.getByText("all sound").waitFor();
  await page.getByText("The ledger answers").waitFor();
  await page.getByText("No proxy died with calls in flight").waitFor();
  await page.getByText("embedded, in the data directory").waitFor();
  await close(page);
});

test("a ledger that is away is said to be, with what to do", async () => {
  const redis = await Redis.start();
  const other = await Rig.start(`${FILE}[ledger]\nredis_url = "redis://127.0.0.1:${redis.port}"\n`);
  try {
    const page = await other.page("/settings?section=health");
    await page.getByText("Redis", { exact: true }).waitFor();
    const check = page.getByRole("listitem").filter({ hasText: "The ledger answers" });
    await check.getByText("Fine").waitFor();
    await redis.stop();
    await check.getByText("Failed").waitFor({ timeout: OUTAGE });
    await check.getByText("farebox doctor").waitFor();
    await check.getByText(/Redis|redis/).first().waitFor();
  } finally {
    await other.stop();
    await redis.stop();
  }
});

test("the audit log: filters in the address, before and after, pages, a file", async () => {
  await rig.user("=cmd", {}).catch(() => {});
  await rig.user("busy", {});
  const CHANGES = 130;
  for (let i = 0; i < CHANGES; i += 1) await rig.api("PATCH", "/api/v1/users/busy", { name: `Busy ${i}` });
  const page = await rig.page("/settings?section=audit");
  await page.getByLabel("Account, such as user:alice").fill("user:busy");
  await page.waitForURL(/account=user%3Abusy/);
  await page.getByLabel("Action").selectOption("user.");
  await page.waitForURL(/action=user\./);
  await page.getByText(`name: Busy ${CHANGES - 2} → Busy ${CHANGES - 1}`).waitFor();
  // In a choice, letters choose.
  await page.getByRole("heading", { name: "Settings" }).click();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  const panel = page.getByRole("dialog");
  await panel.getByText(`Busy ${CHANGES - 2}`, { exact: true }).waitFor();
  await panel.locator(".after").getByText(`Busy ${CHANGES - 1}`, { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
  // One made it; the pages come as it is scrolled.
  await page.waitForFunction(() => {
    scrollTo(0, document.documentElement.scrollHeight);
    return [...document.querySelectorAll("td code")].some((code) => code.textContent === "user.create");
  });
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\r\n");
  assert.equal(lines[0], "id,time,actor,action,account,before,after,source,request_id");
  assert.equal(lines.length, CHANGES + 2);
  assert.match(lines[1], /user\.update,user:busy,"\{""name"":""Busy 128""\}","\{""name"":""Busy 129""\}",api,/);
  await page.goto(`${rig.url}/settings?section=audit&actor=nobody`);
  await page.getByText("No change is like that").waitFor();
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("limits of any account are looked up, set and reset", async () => {
  const page = await rig.page("/settings?section=limits");
  const dialog = page.getByRole("dialog");
  await page.getByText("Whose limits?").waitFor();
  await page.getByLabel("Account, such as user:alice").fill("user:nobody");
  await page.getByText("There is no such account").waitFor();
  await page.getByLabel("Account, such as user:alice").fill(`credential:${(await rig.api("GET", "/api/v1/credentials")).data[0].config_id}`);
  await page.getByText("No limit of its own").waitFor();
  await page.getByLabel("Account, such as user:alice").fill("user:alice");
  await page.getByText("45%").waitFor();
  await page.getByRole("button", { name: "Set limits" }).click();
  await dialog.getByLabel("Limits").fill("50usd/month");
  await dialog.getByRole("button", { name: "Set limits" }).click();
  await page.getByText("23%").waitFor();
  await page.getByRole("button", { name: "Reset" }).click();
  await dialog.getByLabel("Type alice to go on").fill("alice");
  await dialog.getByRole("button", { name: "Reset" }).click();
  await page.getByText("0%", { exact: true }).waitFor();
  await close(page);
});
