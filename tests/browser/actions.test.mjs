// What admins do on the other pages, and what they take away as files.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Rig } from "./rig.mjs";

const FILE = `[admin]
requests_per_minute = 100000
[alerts]
allow_private = ["127.0.0.0/8"]
`;
let rig;
let sink;
const received = [];

before(async () => {
  sink = createServer((request, response) => {
    received.push(request.url);
    request.resume().on("end", () => response.end());
  });
  await new Promise((done) => sink.listen(0, "127.0.0.1", done));
  rig = await Rig.start(FILE);
  await rig.user("alice", { name: "=HYPERLINK(1)", used: "11.25" });
  assert.equal(await rig.call(await rig.key("alice")), 200);
});

after(async () => {
  sink?.close();
  await rig?.stop();
});

const saved = async (page, click) => {
  const [download] = await Promise.all([page.waitForEvent("download"), click()]);
  return readFile(await download.path(), "utf8");
};

test("a credential is disabled, which is undone", async () => {
  const page = await rig.page("/providers");
  const card = page.getByRole("article").first();
  await card.getByText("Available").waitFor();
  await card.getByRole("button", { name: "Disable" }).click();
  await card.getByText("Disabled").waitFor();
  await page.getByTestId("toast").getByRole("button", { name: "Undo" }).click();
  await card.getByText("Available").waitFor();
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("a channel is added, tested and deleted; what is wrong stands at its field", async () => {
  const page = await rig.page("/alerts");
  await page.getByRole("button", { name: "Add channel" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Kind").selectOption("webhook");
  await dialog.getByLabel("Name").fill("ops");
  await dialog.getByLabel("Address").fill(`http://127.0.0.1:${sink.address().port}/alerts`);
  await dialog.getByLabel("Secret").fill("short");
  await dialog.getByRole("button", { name: "Add channel" }).click();
  await dialog.locator(".fault").first().waitFor();
  await dialog.getByLabel("Secret").fill(`whsec_${Buffer.alloc(32, 7).toString("base64")}`);
  await dialog.getByRole("button", { name: "Add channel" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Test", exact: true }).click();
  await page.getByTestId("toast").filter({ hasText: "The test came to ops" }).waitFor();
  assert.deepEqual(received, ["/alerts"]);
  await page.getByRole("button", { name: "Delete ops" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("No channel yet").waitFor();
  await page.context().close();
});

test("a rule is added where it can be, and deleted", async () => {
  const page = await rig.page("/alerts");
  await page.getByRole("button", { name: "Add rule" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("failing");
  await dialog.getByLabel("Raised when").selectOption("error_rate");
  await dialog.getByLabel("Per cent").fill("101");
  await dialog.getByRole("button", { name: "Add rule" }).click();
  await dialog.getByText("101 is more").waitFor();
  // The focus goes to what is wrong.
  await page.waitForFunction(() => document.activeElement.value === "101");
  await dialog.getByLabel("Per cent").fill("10");
  await dialog.getByRole("button", { name: "Add rule" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("Calls fail at providers").waitFor();
  assert.equal((await rig.api("GET", "/api/v1/alert-rules")).data[0].percent, 10);
  await page.getByRole("button", { name: "Delete failing" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("No rule yet").waitFor();
  await page.context().close();
});

test("a request is opened by keyboard, and its panel gives the focus back", async () => {
  const page = await rig.page("/requests");
  await page.getByRole("row").nth(1).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  const panel = page.getByRole("dialog");
  await panel.getByText("Input, not cached").waitFor();
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
  await page.waitForFunction(() => /^Request /.test(document.activeElement.textContent));
  await page.context().close();
});

test("files have no cell that a spreadsheet would run", async () => {
  const page = await rig.page("/users");
  await page.getByRole("link", { name: "=HYPERLINK(1)" }).waitFor();
  const users = await saved(page, () => page.getByRole("button", { name: "CSV" }).click());
  assert.match(users, /^id,name,workspace,status,utilization_percent/);
  assert.match(users, /alice,'=HYPERLINK\(1\),default,normal,45\.\d+,11\.25/);
  await page.goto(`${rig.url}/requests`);
  await page.getByRole("row").nth(1).waitFor();
  const requests = await saved(page, () => page.getByRole("button", { name: "CSV" }).click());
  assert.equal(requests.trim().split("\r\n").length, 3);
  await page.context().close();
});

test("two who edit one user: the second is told", async () => {
  const page = await rig.page("/users/alice");
  await page.getByRole("button", { name: "Edit" }).click();
  const dialog = page.getByRole("dialog");
  await rig.api("PATCH", "/api/v1/users/alice", { name: "Alice of somebody else" });
  await dialog.getByLabel("Name").fill("Alice of mine");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Somebody else has changed it").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.reload();
  await page.getByRole("heading", { name: "Alice of somebody else" }).waitFor();
  await page.getByRole("button", { name: "Edit" }).click();
  await dialog.getByLabel("Name").fill("Alice of mine");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Alice of mine" }).waitFor();
  await page.context().close();
});
