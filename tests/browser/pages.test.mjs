// What holds for every page: nothing jumps, a zoom loses nothing, the first view comes soon.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig, TOKEN } from "./rig.mjs";

const today = new Date().toISOString().slice(0, 10);
const PAGES = ["/", "/users", "/users/alice", "/keys", "/providers", "/requests", "/activity", "/alerts", "/snapshots", `/reports?date=${today}`, "/settings"];
const LARGEST_SHIFT = 0.05;
const LARGEST_ASSETS = 300 * 1024;
const TRIES = 3;
let rig;

before(async () => {
  rig = await Rig.start();
  for (let i = 0; i < 40; i += 1) await rig.user(`user-${i}`, { used: String(i % 26) });
  await rig.user("alice", { limits: ["25usd/month", "60requests/minute"], used: "11.25" });
  const key = await rig.key("alice");
  for (let i = 0; i < 3; i += 1) assert.equal(await rig.call(key), 200);
});

after(() => rig?.stop());

const shown = (page) => page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".bone"));

async function loggedIn(options) {
  const made = await rig.browser(options);
  await made.request.post(`${rig.url}/api/v1/session`, { data: { token: TOKEN } });
  return made;
}

for (const width of [1440, 390]) {
  test(`r107 nothing jumps while a page comes, ${width} pixels wide`, async () => {
    const made = await loggedIn({ viewport: { width, height: 900 } });
    const page = await made.newPage();
    await page.addInitScript(() => {
      window.shifted = 0;
      window.jumped = [];
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
        window.shifted += entry.value;
        window.jumped.push(...entry.sources.map(({ node }) => `${entry.value.toFixed(3)} ${node?.id || node?.className || node?.nodeName}`));
      })).observe({ type: "layout-shift", buffered: true });
    });
    for (const path of PAGES) {
      await page.goto(rig.url + path);
      await shown(page);
      await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
      await page.waitForLoadState("networkidle");
      const [shift, jumped] = await page.evaluate(() => [window.shifted, window.jumped]);
      assert.ok(shift < LARGEST_SHIFT, `${path} by ${shift}: ${jumped.join("; ")}`);
    }
    await made.close();
  });
}

test("a zoom of 200 % loses nothing", async () => {
  // Zoomed so far, a window of 1280 pixels has 640 of the page's.
  const made = await loggedIn({ viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 });
  const page = await made.newPage();
  for (const path of PAGES) {
    await page.goto(rig.url + path);
    await shown(page);
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(beyond <= 0, `${path} is ${beyond} pixels too wide`);
    // What can be pressed is on the page, or in a table that scrolls in its own frame.
    const lost = await page.evaluate(() => [...document.querySelectorAll("main button, main a, main input, main select")].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.width > 0 && !one.closest(".table-frame") && (box.right > innerWidth + 1 || box.left < 0);
    }).map((one) => one.outerHTML.slice(0, 120)));
    assert.deepEqual(lost, [], path);
  }
  await page.getByRole("button", { name: "Navigation" }).click();
  await page.getByRole("navigation").getByRole("link", { name: "Users" }).click();
  await page.waitForURL(`${rig.url}/users`);
  await page.getByRole("button", { name: "Create user" }).click();
  const save = page.getByRole("dialog").getByRole("button", { name: "Create user" });
  await save.scrollIntoViewIfNeeded();
  const box = await save.boundingBox();
  assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= 640 && box.y + box.height <= 400, "the end of the dialog is reached");
  await made.close();
});

test("what a page needs is named in its HTML, so that nothing is asked for one after the other", async () => {
  const made = await loggedIn();
  const page = await made.newPage();
  for (const path of PAGES) {
    await page.goto(rig.url + path);
    await shown(page);
    const late = await page.evaluate(() => {
      const named = new Set([...document.querySelectorAll("link[rel=modulepreload], script[src]")].map((one) => one.href || one.src));
      return performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => name.endsWith(".js") && !named.has(name));
    });
    // The library for charts comes with the page that draws one.
    assert.deepEqual(late.filter((name) => !name.endsWith("/vendor/uplot.js")), [], path);
    const asked = await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/api/v1/session")).length);
    assert.equal(asked, 1, "who is logged in is asked once, with the files");
  }
  await made.close();
});

test("r114 the users come from less than 300 KB, and how soon", async () => {
  let best = Infinity;
  for (let i = 0; i < TRIES; i += 1) {
    const made = await loggedIn();
    const page = await made.newPage();
    await page.goto(`${rig.url}/users`);
    best = Math.min(best, await page.evaluate(() => new Promise((done) => {
      const look = () => (document.querySelector("tbody [role=meter]") ? done(performance.now()) : requestAnimationFrame(look));
      look();
    })));
    await made.close();
  }
  console.log(`the first view takes ${Math.round(best)} ms`);
  const made = await loggedIn();
  const page = await made.newPage();
  const sizes = new Map();
  for (const path of PAGES) {
    await page.goto(rig.url + path);
    await shown(page);
    for (const [name, size] of await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("/assets/")).map(({ name, encodedBodySize }) => [name, encodedBodySize]))) sizes.set(name, size);
  }
  const all = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  console.log(`${sizes.size} files of all pages have ${Math.round(all / 1024)} KB`);
  assert.ok(sizes.size > 40 && all < LARGEST_ASSETS, `${all} bytes in ${sizes.size} files`);
  await made.close();
});
