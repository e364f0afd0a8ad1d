// Ten thousand users, and a hundred settlements a second.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig } from "./rig.mjs";

const USERS = 10_000;
let rig;

before(async () => {
  rig = await Rig.start("[admin]\nrequests_per_minute = 1000000\n");
  const wait = [...Array(USERS).keys()];
  const work = async () => {
    for (let i = wait.pop(); i !== undefined; i = wait.pop()) await rig.api("POST", "/api/v1/users", { id: `user-${String(i).padStart(5, "0")}`, limits: ["100usd/month"] });
  };
  await Promise.all(Array.from({ length: 16 }, work));
});

after(() => rig?.stop());

test("r102 ten thousand users are scrolled through with few rows in the document", async () => {
  const page = await rig.page("/users?sort=name");
  await page.getByRole("link", { name: "user-00000" }).waitFor();
  const frames = await page.evaluate(async () => {
    const times = [];
    let last = performance.now();
    for (let i = 0; i < 300; i += 1) {
      scrollBy(0, 220);
      await new Promise(requestAnimationFrame);
      times.push(performance.now() - last);
      last = performance.now();
    }
    return times.sort((a, b) => a - b);
  });
  assert.ok((await page.locator("tbody tr").count()) < 120);
  assert.ok(frames[Math.floor(frames.length * 0.95)] < 50, `the slowest frames: ${frames.slice(-8).map(Math.round)}`);
  await page.evaluate(async () => {
    while (!document.body.innerText.includes("user-09999")) {
      scrollTo(0, document.documentElement.scrollHeight);
      await new Promise((done) => setTimeout(done, 50));
    }
  });
  await page.getByRole("link", { name: "user-09999" }).waitFor();
  assert.ok((await page.locator("tbody tr").count()) < 120);
  await page.context().close();
});
