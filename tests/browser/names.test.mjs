// Names with markup, from right to left and of the greatest length, and the smallest and largest
// amounts: on every page, in every dialog, toast, notification and title they are text in its place.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig } from "./rig.mjs";

const LONG = "w".repeat(64);
// Markup, a word from right to left, and the character that turns all that follows.
const NAME = "<img src=x onerror=\"document.title='broken'\"><b>b</b> مرحبا \u202Eabc";
const today = new Date().toISOString().slice(0, 10);
const PAGES = ["/", "/users", `/users/${LONG}`, "/keys", "/providers", "/requests", "/activity", "/alerts", "/snapshots", `/reports?date=${today}`, "/settings"];
let rig;

before(async () => {
  rig = await Rig.start();
  await rig.api("POST", "/api/v1/workspaces", { id: LONG, limits: ["9000000usd/month"] });
  await rig.user(LONG, { name: NAME, workspace: LONG, limits: ["9000000usd/month"], used: "4050000" });
  await rig.api("POST", "/api/v1/keys", { user: LONG, name: NAME });
  await rig.charge(LONG, "0.5", NAME);
  await rig.api("POST", "/api/v1/alert-channels", { type: "slack", name: LONG, url: "https://hooks.slack.com/services/T0/B0/secret", levels: ["critical"] });
  await rig.api("POST", "/api/v1/alert-rules", { name: LONG, kind: "error_rate", percent: 10 });
  await rig.api("POST", "/api/v1/admin-tokens", { name: NAME, scopes: ["users:read"] });
  await rig.user("tiny", { limits: ["0.000001usd/month"], used: "0.000001" });
  await rig.user("least", { used: "0.000000001" });
  await rig.user("all", { limits: ["9000000usd/month"], used: "9000000" });
  await rig.user("zero", { limits: ["0usd/month"] });
  await rig.user("free", { limits: [] });
});

after(() => rig?.stop());

const shown = (page) => page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".bone"));

// Nothing of a name became an element, and nothing is wider than the page or its dialog.
async function inert(page, where) {
  const found = await page.evaluate(() => ({
    made: [...document.querySelectorAll("img[src=x], b")].map((one) => one.outerHTML),
    beyond: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    dialog: [...document.querySelectorAll("dialog[open]")].map((one) => one.scrollWidth - one.clientWidth),
    title: document.title,
  }));
  assert.deepEqual(found.made, [], where);
  assert.ok(found.beyond <= 0, `${where} is ${found.beyond} pixels too wide`);
  assert.ok(found.dialog.every((beyond) => beyond <= 0), `the dialog of ${where} is ${found.dialog} pixels too wide`);
  assert.match(found.title, / · Farebox$/, where);
}

for (const width of [1440, 390]) {
  test(`names with markup are text on every page, ${width} pixels wide`, async () => {
    const page = await rig.page("/", { viewport: { width, height: 844 } });
    for (const path of PAGES) {
      await page.goto(rig.url + path);
      await shown(page);
      await inert(page, path);
    }
    await page.goto(`${rig.url}/users/${LONG}`);
    await page.getByRole("heading", { level: 1 }).filter({ hasText: "<img src=x" }).waitFor();
    // What is turned around in a name ends with it.
    assert.equal(await page.title(), `\u2068${NAME}\u2069 · Farebox`);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

  test(`names with markup are text in dialogs, toasts and notifications, ${width} pixels wide`, async () => {
    const page = await rig.page(`/users/${LONG}`, { viewport: { width, height: 844 } });
    for (const button of ["Edit", "Raise", "Set limits", "Reset", "Delete", "Create key"]) {
      await page.getByRole("button", { name: button, exact: true }).click();
      await page.getByRole("dialog").waitFor();
      await inert(page, button);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
    await page.getByRole("button", { name: "Suspend" }).click();
    await page.getByTestId("toast").filter({ hasText: LONG }).getByRole("button", { name: "Undo" }).click();
    await page.getByRole("button", { name: "Suspend" }).waitFor();
    // A name of the greatest length and its alert.
    const id = `${width}-`.padEnd(64, "q");
    await rig.user(id, { name: NAME, limits: ["1usd/month"], used: "1" });
    await page.getByTestId("toast").filter({ hasText: `user:${id}` }).waitFor();
    await inert(page, "a toast");
    await page.getByRole("button", { name: /^Notifications/ }).click();
    await page.getByRole("dialog", { name: "Notifications" }).getByText(`user:${id}`).first().waitFor();
    await inert(page, "the notifications");
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

  test(`the smallest and the largest amounts are whole and stand below each other, ${width} pixels wide`, async () => {
    const page = await rig.page("/users?sort=name", { viewport: { width, height: 844 } });
    for (const text of ["$4,050,000.50", "$9,000,000.00", "$0.000001", "$0.000000001", "$0.00"]) await page.locator("td.figures").getByText(text, { exact: true }).or(page.locator("td.figures").filter({ hasText: text })).first().waitFor();
    const table = await page.evaluate(() => {
      const at = [...document.querySelectorAll("thead th")].findIndex((th) => /Spent/.test(th.textContent));
      const cells = [...document.querySelectorAll("tbody td")].filter((td) => td.getBoundingClientRect().width > 0);
      // The text itself, which may be wider than its cell, without what is cut with dots.
      const inside = (td) => {
        const range = document.createRange();
        range.selectNodeContents(td);
        const [text, box] = [range.getBoundingClientRect(), td.getBoundingClientRect()];
        return td.querySelector(".clip") || td.classList.contains("tick") || (text.left >= box.left - 1 && text.right <= box.right + 1);
      };
      const spent = [...document.querySelectorAll("tbody tr")].map((tr) => tr.children[at]);
      return {
        over: cells.filter((td) => !inside(td)).map((td) => td.innerText),
        ends: [...new Set(spent.map((td) => Math.round(td.firstElementChild.getBoundingClientRect().right)))],
        count: spent.length,
      };
    });
    assert.ok(table.count >= 6);
    assert.deepEqual(table.over, []);
    assert.equal(table.ends.length, 1, `amounts end at ${table.ends}`);
    for (const user of ["tiny", "least", "all", "zero", "free"]) {
      await page.goto(`${rig.url}/users/${user}`);
      await shown(page);
      await inert(page, user);
    }
    await page.context().close();
  });
}
