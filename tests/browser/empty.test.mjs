// What the pages say where nothing is yet, and what somebody sees who may not see everything.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig } from "./rig.mjs";
import { accessibleInBoth } from "./axe.mjs";

let rig;

before(async () => {
  // A snapshot is taken at every fifth minute of the clock, also while this runs.
  rig = await Rig.start("[admin]\nrequests_per_minute = 100000\n[history]\npersistence = false\n");
  await rig.api("DELETE", "/api/v1/users/default");
});

after(() => rig?.stop());

const EMPTY = {
  "/": ["No traffic yet", "curl "],
  "/users": ["Create your first user", "farebox users create alice"],
  "/keys": ["No keys yet", "farebox keys create --user alice"],
  "/requests": ["No request yet", "farebox tail"],
  "/activity": ["Nothing was called", ""],
  "/alerts": ["No alerts yet", ""],
  "/reports": ["Nothing was called", ""],
  "/snapshots": ["No snapshot yet", ""],
};

test("r113 an empty page says what to do next, in either theme", async () => {
  const page = await rig.page("/", { reducedMotion: "reduce" });
  for (const [path, [title, command]] of Object.entries(EMPTY)) {
    await page.goto(rig.url + path);
    await page.getByRole("heading", { name: title }).first().waitFor();
    if (command) await page.locator(".command code").filter({ hasText: command }).first().waitFor();
    await page.waitForFunction(() => !document.querySelector(".bone"));
    await accessibleInBoth(page, `${path} without anything`);
  }
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("a token with few rights has few pages and no buttons", async () => {
  await rig.user("alice", { used: "3" });
  const { token } = await rig.api("POST", "/api/v1/admin-tokens", { name: "viewer", scopes: ["users:read", "usage:read"] });
  const made = await rig.browser();
  await made.request.post(`${rig.url}/api/v1/session`, { data: { token } });
  const page = await made.newPage();
  await page.goto(`${rig.url}/users`);
  await page.getByRole("link", { name: "alice" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Create user" }).count(), 0);
  assert.equal(await page.getByRole("checkbox").count(), 0);
  const pages = await page.getByRole("navigation").getByRole("link").allInnerTexts();
  assert.ok(pages.includes("Users") && !pages.includes("Keys") && !pages.includes("Alerts"), String(pages));
  await page.goto(`${rig.url}/users/nobody`);
  await page.getByRole("heading", { name: "There is no such user" }).waitFor();
  await made.close();
});
