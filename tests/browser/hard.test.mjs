// What goes wrong around the dashboard: a server that dies or is slow, answers that are none, two who
// change the same, a clock that is wrong. What is typed stays, and each fault says what can be done.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig, TOKEN } from "./rig.mjs";

const MANY = 320;
let rig;

before(async () => {
  rig = await Rig.start();
  await rig.user("alice", { used: "11.25" });
  for (let i = 0; i < MANY; i += 1) await rig.user(`many-${String(i).padStart(3, "0")}`);
});

after(() => rig?.stop());

const live = (page) => page.getByTestId("live").filter({ hasText: "Live" }).waitFor({ timeout: 30_000 });

// A page of somebody who is logged in, which `prepare` sees before it goes anywhere.
async function opened(path, prepare = () => {}) {
  const made = await rig.browser();
  await made.request.post(`${rig.url}/api/v1/session`, { data: { token: TOKEN } });
  const page = await made.newPage();
  await prepare(page);
  await page.goto(rig.url + path);
  return page;
}

async function editing(page, name) {
  await page.getByRole("button", { name: "Edit" }).click();
  const dialog = page.getByRole("dialog", { name: "Edit alice" });
  await dialog.getByLabel("Name").fill(name);
  return dialog;
}

test("a server that dies in the middle of an edit: what was typed is saved when it is back", async () => {
  const page = await rig.page("/users/alice");
  await live(page);
  const dialog = await editing(page, "Alice of the storm");
  await rig.farebox.stop("SIGKILL");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByRole("alert").filter({ hasText: "Farebox cannot be reached" }).waitFor();
  assert.equal(await dialog.getByLabel("Name").inputValue(), "Alice of the storm");
  await rig.serve();
  await live(page);
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Alice of the storm" }).waitFor();
  await page.context().close();
});

test("a login that ends in the middle of an edit of a user is renewed above it, and the edit goes on", async () => {
  const page = await rig.page("/users/alice");
  const dialog = await editing(page, "Alice again");
  await page.context().clearCookies();
  await dialog.getByRole("button", { name: "Save" }).click();
  const login = page.getByRole("dialog", { name: "Your session has ended" });
  await login.getByLabel("Admin token").fill(TOKEN);
  await login.getByRole("button", { name: "Sign in" }).click();
  await login.waitFor({ state: "detached" });
  assert.equal(await dialog.getByLabel("Name").inputValue(), "Alice again");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Alice again" }).waitFor();
  await live(page);
  await page.context().close();
});

test("what changed while a login had ended is on the page once it is renewed", async () => {
  await rig.user("away");
  const page = await rig.page("/users?search=away");
  const row = page.getByRole("row").filter({ hasText: "away" });
  await row.getByText("0%").waitFor();
  await live(page);
  await page.context().clearCookies();
  await page.getByRole("button", { name: "CSV" }).click();
  const login = page.getByRole("dialog", { name: "Your session has ended" });
  await login.waitFor();
  await rig.charge("away", "5");
  await login.getByLabel("Admin token").fill(TOKEN);
  await login.getByRole("button", { name: "Sign in" }).click();
  await row.getByText("20%").waitFor();
  await page.context().close();
});

test("two who edit one user: the second is told what it is now, and nothing of either is lost", async () => {
  const page = await rig.page("/users/alice");
  await page.getByRole("button", { name: "Edit" }).click();
  const dialog = page.getByRole("dialog");
  await rig.api("PATCH", "/api/v1/users/alice", { name: "Alice of theirs", thresholds: [50, 75] });
  // The page asks again while the dialog is open; the dialog is about what was read before.
  await rig.charge("alice", "0.25");
  await page.getByText("46%").first().waitFor();
  await dialog.getByLabel("Name").fill("Alice of mine");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Now it is Alice of theirs in default, alerts at 50, 75").waitFor();
  assert.equal(await dialog.getByLabel("Name").inputValue(), "Alice of mine");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Alice of mine" }).waitFor();
  assert.deepEqual((await rig.api("GET", "/api/v1/users/alice")).thresholds, [50, 75]);
  await page.getByRole("button", { name: "Set limits" }).click();
  await rig.api("PUT", "/api/v1/limits/user:alice", { limits: ["30usd/month"] });
  await dialog.getByLabel("Limits").fill("40usd/month");
  await dialog.getByRole("button", { name: "Set limits" }).click();
  await dialog.getByText("Now it is 30 usd/month").waitFor();
  await dialog.getByRole("button", { name: "Set limits" }).click();
  await page.getByText("of $40.00").first().waitFor();
  await page.context().close();
});

test("a user that somebody else deletes while it is looked at is gone from the page", async () => {
  await rig.user("leaving", { used: "1" });
  const page = await rig.page("/users/leaving");
  await live(page);
  await page.getByRole("heading", { name: "leaving" }).waitFor();
  await rig.api("DELETE", "/api/v1/users/leaving");
  await page.getByRole("heading", { name: "There is no such user" }).waitFor();
  await page.getByRole("link", { name: "All users" }).click();
  await page.getByRole("link", { name: "alice", exact: false }).first().waitFor();
  await page.context().close();
});

test("a tab in the background hears nothing, and is as it was left when it is looked at again", async () => {
  const page = await rig.page("/users?sort=name");
  await live(page);
  await page.getByRole("link", { name: "many-000" }).waitFor();
  await page.evaluate(async () => {
    while (!document.body.innerText.includes("many-319")) {
      scrollTo(0, document.documentElement.scrollHeight);
      await new Promise(requestAnimationFrame);
    }
  });
  const turn = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  const place = await page.evaluate(() => scrollY);
  await turn(true);
  await rig.charge("many-319", "12.5");
  await rig.charge("many-318", "5");
  const row = page.getByRole("row").filter({ hasText: "many-319" });
  assert.equal(await row.getByText("50%").count(), 0);
  await turn(false);
  await row.getByText("50%").waitFor();
  await page.getByRole("row").filter({ hasText: "many-318" }).getByText("20%").waitFor();
  await page.locator("table[aria-busy]").waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => scrollY), place);
  await page.context().close();
});

test("a browser whose clock is five hours wrong counts down and says how long ago all the same", async () => {
  const page = await opened("/users?search=alice", (page) => page.clock.install({ time: Date.now() + 5 * 3_600_000 }));
  const row = page.getByRole("row").filter({ hasText: "alice" });
  await live(page);
  await rig.charge("alice", "0.01");
  await row.getByText(/^\d+ s ago$/).waitFor();
  const [, days = 0, hours, minutes, seconds] = (await row.getByTestId("countdown").innerText()).match(/^(?:(\d+)d )?(\d+):(\d+):(\d+)$/);
  const shown = ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
  const { llm_quota: quota } = await rig.api("GET", "/api/v1/users/alice");
  const off = Math.abs(shown - (Date.parse(quota.resets_at) - Date.now()) / 1000);
  assert.ok(off < 120, `it is ${off} seconds off`);
  await page.context().close();
});

test("without storage everything works, and nothing is kept", async () => {
  const complaints = [];
  const page = await opened("/users?search=alice", async (page) => {
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.addInitScript(() => {
      for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { get: () => { throw new DOMException("no", "SecurityError"); } });
    });
  });
  await page.getByRole("row").filter({ hasText: "alice" }).waitFor();
  await page.getByRole("button", { name: "System theme" }).click();
  await page.waitForFunction(() => document.documentElement.dataset.theme === "light");
  await page.getByRole("button", { name: "Light theme" }).click();
  await page.getByRole("button", { name: "Dark theme" }).click();
  assert.deepEqual(complaints, []);
  await page.context().close();
});

test("while an answer is slow there are bones from the first frame on, and what was there stays", async () => {
  let release;
  const held = new Promise((done) => { release = done; });
  const page = await rig.page("/");
  await live(page);
  await page.waitForFunction(() => !document.querySelector(".bone"));
  await page.route("**/api/v1/users?*", async (route) => {
    await held;
    await route.continue();
  });
  const seen = await page.evaluate(async () => {
    [...document.querySelectorAll("nav a")].find((link) => link.innerText === "Users").click();
    await new Promise(requestAnimationFrame);
    return document.querySelectorAll("main .bone").length;
  });
  assert.ok(seen > 0);
  await page.getByRole("heading", { level: 1, name: "Users" }).waitFor();
  assert.ok((await page.locator("main .bone").count()) > 0);
  release();
  await page.getByRole("row").nth(1).waitFor();
  assert.equal(await page.locator(".bone").count(), 0);
  // Asked again, the old rows stay.
  await page.unroute("**/api/v1/users?*");
  await page.route("**/api/v1/users?*", () => {});
  await page.getByRole("columnheader", { name: "Spent" }).getByRole("button").click();
  await page.locator("table[aria-busy=true]").waitFor();
  assert.ok((await page.getByRole("row").count()) > 20);
  assert.equal(await page.locator(".bone").count(), 0);
  await page.context().close();
});

test("an answer that never comes is given up after 25 seconds, and can be asked for again", async () => {
  let asks;
  const asked = new Promise((done) => (asks = done));
  const never = () => asks();
  const page = await opened("/users?search=alice", async (page) => {
    await page.clock.install();
    await page.route("**/api/v1/users?*", never);
  });
  // There are bones before the page is loaded, too, when nothing is asked yet.
  await asked;
  await page.locator(".bone").first().waitFor();
  await page.clock.runFor(26_000);
  const fault = page.locator("main").getByRole("alert").filter({ hasText: "has not answered for 25 seconds" });
  await fault.waitFor();
  await page.unroute("**/api/v1/users?*", never);
  await fault.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("row").filter({ hasText: "alice" }).waitFor();
  await fault.waitFor({ state: "detached" });
  await page.context().close();
});

const WRONG = {
  "an error of something between": [{ status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" }, "(502) does not seem to be Farebox"],
  "a page in place of an answer": [{ status: 200, contentType: "text/html", body: "<h1>Log in to the Wi-Fi</h1>" }, "(200) does not seem to be Farebox"],
  "an answer that is cut off": [{ status: 200, contentType: "application/json", body: '{"data":[{"id":' }, "(200) does not seem to be Farebox"],
  "a problem of Farebox": [{ status: 503, contentType: "application/problem+json", body: '{"title":"Unavailable","detail":"The ledger cannot be reached.","status":503}' }, "The ledger cannot be reached"],
};

for (const [what, [answer, words]] of Object.entries(WRONG)) {
  test(`${what} is said, and can be asked for again`, async () => {
    const complaints = [];
    const page = await opened("/users?search=alice", async (page) => {
      page.on("pageerror", (error) => complaints.push(String(error)));
      await page.route("**/api/v1/users?*", (route) => route.fulfill(answer));
    });
    const fault = page.locator("main").getByRole("alert").filter({ hasText: words });
    await fault.waitFor();
    await page.unroute("**/api/v1/users?*");
    await fault.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("row").filter({ hasText: "alice" }).waitFor();
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
}

test("figures of an earlier question are not shown as those of one that failed", async () => {
  const page = await opened("/users?search=alice");
  await page.getByRole("row").filter({ hasText: "alice" }).waitFor();
  await page.route("**/api/v1/users?*", (route) => route.abort());
  await page.getByLabel("Search users").fill("nobody");
  await page.locator("main").getByRole("alert").filter({ hasText: "cannot be reached" }).waitFor();
  assert.equal(await page.getByRole("row").filter({ hasText: "alice" }).count(), 0);
  await page.context().close();
});

test("a page of a list that is empty is followed by the next", async () => {
  const pages = { "": "one", one: "two", two: null };
  const page = await opened("/users?status=critical", (page) => page.route("**/api/v1/users?*", async (route) => {
    const next = pages[new URL(route.request().url()).searchParams.get("after") || ""];
    const answer = await (await route.fetch({ url: `${rig.url}/api/v1/users?search=alice` })).json();
    await route.fulfill({ json: next ? { data: [], has_more: true, next_cursor: next } : answer });
  }));
  await page.getByRole("row").filter({ hasText: "alice" }).waitFor();
  await page.context().close();
});

test("how long ago something was goes on while nothing happens", async () => {
  const page = await opened("/users?search=alice", (page) => page.clock.install());
  const seen = page.getByRole("row").filter({ hasText: "alice" }).getByText(/^\d+ s ago$/);
  await seen.waitFor();
  await page.clock.runFor(120_000);
  await page.getByRole("row").filter({ hasText: "alice" }).getByText(/^\d+ min ago$/).waitFor();
  await page.context().close();
});

test("what was typed last is shown, whichever answer comes last", async () => {
  const page = await rig.page("/users?sort=name");
  await page.getByRole("link", { name: "many-000" }).waitFor();
  let release;
  const held = new Promise((done) => { release = done; });
  let answered;
  const late = new Promise((done) => { answered = done; });
  await page.route(/users\?.*search=many-01&/, async (route) => {
    const answer = await route.fetch();
    await held;
    await route.fulfill({ response: answer }).catch(() => {});
    answered();
  });
  const asked = page.waitForRequest(/search=many-01&/);
  await page.keyboard.press("/");
  await page.keyboard.type("many-01");
  await asked;
  await page.keyboard.type("7");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
  release();
  await late;
  await page.evaluate(() => fetch("/api/v1/session").then((answer) => answer.text()));
  assert.match(await page.locator("tbody").innerText(), /many-017/);
  assert.equal(await page.locator("tbody tr").count(), 1);
  await page.context().close();
});
