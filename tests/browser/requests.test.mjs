// What happened to a call: the attempts that it took, its tokens, its cost; how many calls there were
// along time; addresses that lead to one call.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { Rig } from "./rig.mjs";
import { accessible } from "./axe.mjs";

const MODEL = "openai/gpt-oss-20b";
const USAGE = { prompt_tokens: 1000, completion_tokens: 200, total_tokens: 1200, prompt_tokens_details: { cached_tokens: 600 }, completion_tokens_details: { reasoning_tokens: 50 } };
const SAYS = {
  "sk-first": [429, { error: { message: "slow down", type: "requests", code: "rate_limit_exceeded" } }],
  "sk-second": [500, { error: { message: "it broke", type: "server_error", code: null } }],
  "sk-third": [200, { id: "chatcmpl-1", object: "chat.completion", created: 1, model: MODEL, choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }], usage: USAGE }],
};
let provider;
let rig;
let tried;

const wait = (what) => new Promise((done) => {
  const look = async () => ((await what()) ? done() : setImmediate(look));
  look();
});

before(async () => {
  // A provider that treats each of its keys in a way of its own.
  provider = createServer((request, response) => {
    const [status, body] = SAYS[request.headers.authorization.replace("Bearer ", "")];
    request.resume().on("end", () => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)));
  });
  await new Promise((done) => provider.listen(0, "127.0.0.1", done));
  const credentials = ["first", "second", "third"].map((name) => `[[providers.groq.credentials]]\nname = "groq-${name}"\napi_key = "sk-${name}"\n`);
  rig = await Rig.start(`[admin]\nrequests_per_minute = 100000\n[providers.openai]\n[providers.groq]\nbase_url = "http://127.0.0.1:${provider.address().port}/v1"\n${credentials.join("")}`);
  await rig.user("alice", { limits: ["25usd/month"] });
  await rig.user("bob", { limits: ["25usd/month"] });
  const [alice, bob] = [await rig.key("alice"), await rig.key("bob")];
  assert.equal(await rig.call(alice, MODEL), 200);
  for (let i = 0; i < 3; i += 1) assert.equal(await rig.call(bob, "gpt-5"), 200);
  await fetch(`${rig.apps}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${bob}`, "content-type": "application/json", "x-simulate": '{"status":404}' },
    body: JSON.stringify({ model: "gpt-5", messages: [{ role: "user", content: "Hello" }] }),
  }).then((answer) => answer.text());
  let calls = [];
  await wait(async () => (calls = (await rig.api("GET", "/api/v1/requests")).data).length === 5);
  tried = calls.find(({ user }) => user === "alice");
});

after(async () => {
  await rig?.stop();
  provider?.close();
});

// A chart is drawn again once its frame is narrower.
const narrow = (page) => page.waitForFunction(() => [document.documentElement, ...document.querySelectorAll("dialog")].every((one) => one.scrollWidth <= one.clientWidth));

test("a call shows the attempts that it took, its tokens by class and its cost", async () => {
  assert.deepEqual(tried.attempts.map(({ credential, status, error }) => [credential, status, error]), [["groq-first", 429, "limited"], ["groq-second", 500, "failed"], ["groq-third", 200, null]]);
  const page = await rig.page("/requests");
  const row = page.getByRole("row").filter({ hasText: "alice" });
  await row.getByText("3 attempts").waitFor();
  await row.getByRole("button").click();
  const panel = page.getByRole("dialog", { name: MODEL });
  const steps = panel.getByRole("listitem");
  assert.equal(await steps.count(), 3);
  const texts = (await steps.allInnerTexts()).map((text) => text.replace(/\s+/g, " "));
  assert.match(texts[0], /1\. groq-first.*Rate limited 429.*without an answer/);
  assert.match(texts[1], /2\. groq-second.*Failed 500.*without an answer/);
  assert.match(texts[2], /3\. groq-third.*Finished 200.*to the first byte, then/);
  // Bars do not overlap: an attempt begins when the one before it has ended.
  const edges = await panel.locator(".attempts .time").evaluateAll((bars) => bars.map((bar) => [...bar.querySelectorAll("span:not(.first)")].map((one) => one.getBoundingClientRect())).map((boxes) => [Math.min(...boxes.map(({ left }) => left)), Math.max(...boxes.map(({ left }) => left))]));
  assert.ok(edges[0][1] <= edges[1][0] && edges[1][1] <= edges[2][0], JSON.stringify(edges));
  const classes = (await panel.locator(".classes > div").allInnerTexts()).map((text) => text.replace(/\s+/g, " ").trim());
  assert.deepEqual(classes, ["Input, not cached 400 33.3%", "Input read from a cache 600 50%", "Output 150 12.5%", "Output, reasoning 50 4.2%", "Tokens 1,200"]);
  for (const text of [`$${tried.cost_usd}`, tried.price_version, tried.id, "groq, groq-third"]) await panel.getByText(text, { exact: true }).waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("a call that was sent once shows how long its first byte and its answer took", async () => {
  const page = await rig.page("/requests?user=bob&ending=finished");
  const row = page.getByRole("row").filter({ hasText: "Finished" }).first();
  await row.getByRole("button").click();
  const panel = page.getByRole("dialog", { name: "gpt-5" });
  await panel.getByRole("heading", { name: "Along time" }).waitFor();
  assert.match(await panel.getByRole("listitem").innerText(), /to the first byte, then .* of answer/s);
  await page.context().close();
});

test("an address leads to one call; Esc takes it out of the address; its id can be copied", async () => {
  const page = await rig.page(`/requests?user=bob&id=${tried.id}`);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  // It is not in the list below: that has the calls of somebody else.
  const panel = page.getByRole("dialog", { name: MODEL });
  await panel.getByRole("button", { name: "Copy" }).click();
  await panel.getByText("Copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), tried.id);
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).search, "?user=bob");
  await page.getByRole("button", { name: /^Request / }).first().click();
  await page.waitForURL(/[?&]id=/);
  await page.reload();
  await page.getByRole("dialog", { name: "gpt-5" }).waitFor();
  await page.goto(`${rig.url}/requests?id=%3Cimg%20src%3Dx%3E`);
  await page.getByRole("dialog").getByText("No such request").waitFor();
  assert.equal(await page.locator("dialog img").count(), 0);
  await page.context().close();
});

test("the histogram counts calls, tells failed ones apart and follows the filters", async () => {
  const page = await rig.page("/requests?since=24h");
  const counts = async (answered, failed) => {
    await page.getByText(`${answered} answered`, { exact: true }).waitFor();
    await page.getByText(`${failed} failed at the provider`, { exact: true }).waitFor();
  };
  await counts(4, 1);
  await page.locator(".plot canvas").waitFor();
  await page.getByText("Calls as a table").click();
  const table = page.getByRole("group", { name: "Calls along time" });
  const sums = await table.locator("tbody tr").evaluateAll((rows) => rows.reduce(([all, bad], row) => [all + Number(row.cells[1].textContent), bad + Number(row.cells[2].textContent)], [0, 0]));
  assert.deepEqual(sums, [5, 1]);
  await page.getByLabel("Model").fill(MODEL);
  await page.keyboard.press("Enter");
  await counts(1, 0);
  await page.goto(`${rig.url}/requests?user=bob&since=1h`);
  await counts(3, 1);
  await page.getByLabel("Ending").selectOption({ label: "Failed, 4xx" });
  await page.waitForURL(/status=4xx/);
  await page.getByText("However they ended", { exact: true }).last().waitFor();
  await page.waitForFunction(() => document.querySelectorAll("table[aria-label=Requests] tbody tr").length === 1);
  await page.getByRole("row").filter({ hasText: "404" }).waitFor();
  await page.getByLabel("Ending").selectOption({ label: "Orphaned" });
  await page.getByText("No request is like that").waitFor();
  await page.goto(`${rig.url}/requests?user=alice&model=none`);
  await page.getByText("No call was settled in this time.").waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("nothing moves while the page comes", async () => {
  const page = await rig.page("/login");
  await page.addInitScript(() => {
    window.shifted = 0;
    new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (window.shifted += value))).observe({ type: "layout-shift", buffered: true });
  });
  for (const path of ["/requests", `/requests?id=${tried.id}`, "/requests?user=alice&model=none"]) {
    await page.goto(rig.url + path);
    await page.waitForFunction(() => document.querySelector("figcaption") && !document.querySelector(".bone"));
    await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
    await page.waitForLoadState("networkidle");
    const shift = await page.evaluate(() => window.shifted);
    assert.ok(shift < 0.05, `${path} by ${shift}`);
  }
  await page.context().close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`page and panel have no fault that axe finds, ${colorScheme}, and fit a narrow screen`, async () => {
    const page = await rig.page("/requests", { colorScheme, reducedMotion: "reduce" });
    await page.locator(".plot canvas").waitFor();
    await accessible(page, "the page");
    await page.goto(`${rig.url}/requests?id=${tried.id}`);
    await page.getByRole("dialog", { name: MODEL }).getByText("3 attempts").waitFor();
    await accessible(page, "the panel");
    await page.setViewportSize({ width: 390, height: 844 });
    await narrow(page);
    await accessible(page, "the narrow panel");
    await page.keyboard.press("Escape");
    await narrow(page);
    await page.context().close();
  });
}
