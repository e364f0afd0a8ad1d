// Ten thousand users: how much work it is to scroll through them, and to hear of them.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig } from "./rig.mjs";

const USERS = 10_000;
const FRAMES = 300;
const SECONDS = 8;
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
  // Its own work, not that of others on the machine: the time that the page's thread was running.
  const inspector = await page.context().newCDPSession(page);
  await inspector.send("Performance.enable", { timeDomain: "threadTicks" });
  const worked = async () => (await inspector.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value;
  const before = await worked();
  await page.evaluate(async (frames) => {
    for (let i = 0; i < frames; i += 1) {
      scrollBy(0, 220);
      await new Promise(requestAnimationFrame);
    }
  }, FRAMES);
  const each = ((await worked()) - before) * 1000 / FRAMES;
  const head = await page.getByRole("columnheader", { name: "Quota Utilization" }).boundingBox();
  assert.ok(head.y > 0 && head.y < 100, `the head of the table is in sight, at ${head.y}`);
  console.log(`a frame of the scroll takes ${each.toFixed(1)} ms of the page's thread`);
  assert.ok((await page.locator("tbody tr").count()) < 120);
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

test("a hundred settlements a second reach the page, and how much work that is", async () => {
  const page = await rig.page("/users?sort=name");
  await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
  const inspector = await page.context().newCDPSession(page);
  await inspector.send("Performance.enable", { timeDomain: "threadTicks" });
  const worked = async () => (await inspector.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value;
  const before = await worked();
  const begun = Date.now();
  let sent = 0;
  while (Date.now() - begun < SECONDS * 1000) {
    const due = Math.floor((Date.now() - begun) / 10);
    const wave = [];
    for (; sent < due; sent += 1) wave.push(rig.charge(`user-${String(sent % 50).padStart(5, "0")}`, "0.1"));
    await Promise.all(wave);
    await new Promise(setImmediate);
  }
  const share = ((await worked()) - before) / ((Date.now() - begun) / 1000);
  console.log(`${sent} settlements in ${SECONDS} s: ${(share * 100).toFixed(1)} % of a core`);
  const { llm_quota: quota } = await rig.api("GET", "/api/v1/users/user-00000");
  const used = `$${Number(quota.dollars_used).toFixed(2)}`;
  assert.notEqual(used, "$0.00");
  await page.locator("tbody tr").filter({ hasText: "user-00000" }).filter({ hasText: used }).waitFor();
  await page.context().close();
});
