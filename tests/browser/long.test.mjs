// A page that is left open for long: four thousand updates and a hundred alerts leave it as
// large as it was.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig, TOKEN } from "./rig.mjs";

const UPDATES = 4000;
const EACH = 500;
const LARGEST_GROWTH = 4e6;
let rig;
const id = (i) => `user-${String(i % 50).padStart(2, "0")}`;

before(async () => {
  rig = await Rig.start();
  for (let i = 0; i < 50; i += 1) await rig.user(id(i), { limits: ["100usd/month"] });
});

after(() => rig?.stop());

test("a page that is open for long does not grow", async () => {
  const made = await rig.browser();
  await made.request.post(`${rig.url}/api/v1/session`, { data: { token: TOKEN } });
  const page = await made.newPage();
  // The server's own messages, and many more like them.
  let socket;
  await page.routeWebSocket("**/api/quota/ws", (found) => {
    socket = found;
    found.connectToServer();
  });
  await page.goto(`${rig.url}/users?sort=name`);
  await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
  await page.getByRole("link", { name: id(0) }).waitFor();
  const inspector = await made.newCDPSession(page);
  await inspector.send("Performance.enable");
  const size = async () => {
    await inspector.send("HeapProfiler.collectGarbage");
    const { metrics } = await inspector.send("Performance.getMetrics");
    const of = (wanted) => metrics.find(({ name }) => name === wanted).value;
    return { heap: of("JSHeapUsedSize"), nodes: of("Nodes") };
  };
  const { llm_quota: quota } = await rig.api("GET", `/api/v1/users/${id(0)}`);
  const tell = (type, seq, data) => socket.send(JSON.stringify({ type, seq, timestamp: new Date().toISOString(), data }));
  let seq = 2;
  let first = null;
  for (let sent = 0; sent < UPDATES; sent += EACH) {
    for (let i = sent; i < sent + EACH; i += 1) {
      tell("quota_update", seq += 1, { account: `user:${id(i)}`, status: "normal", llm_quota: { ...quota, dollars_used: String(i), utilization_percent: 45 } });
      if (i % 40 === 0) tell("alert", seq += 1, { id: `alert-${i}`, account: `user:${id(i)}`, level: "exceeded", limit: `${i}usd/month`, rule: null, usage_percent: 100, time: new Date().toISOString() });
    }
    const last = sent + EACH - 1;
    const shown = `$${String(last).replace(/\B(?=(\d{3})+$)/, ",")}.00`;
    await page.getByRole("row").filter({ hasText: id(last) }).getByText(shown).first().waitFor();
    assert.ok((await page.getByTestId("toast").count()) <= 3);
    first ??= await size();
  }
  const end = await size();
  console.log(`after ${EACH} updates ${(first.heap / 1e6).toFixed(1)} MB and ${first.nodes} nodes, after ${UPDATES} ${(end.heap / 1e6).toFixed(1)} MB and ${end.nodes}`);
  assert.ok(end.heap < first.heap + LARGEST_GROWTH, `${end.heap} bytes after ${first.heap}`);
  assert.ok(end.nodes < 1.2 * first.nodes, `${end.nodes} nodes after ${first.nodes}`);
  await made.close();
});
