// The page for owners of keys, on the data listener.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig } from "./rig.mjs";
import { accessible } from "./axe.mjs";

let rig;
let key;

before(async () => {
  rig = await Rig.start();
  await rig.user("alice", { limits: ["25usd/month", "60requests/minute"], used: "11.25" });
  key = await rig.key("alice");
  assert.equal(await rig.call(key), 200);
});

after(() => rig?.stop());

for (const colorScheme of ["light", "dark"]) {
  test(`r115 r109 the owner of a key sees the budget and the rate, ${colorScheme}`, async () => {
    const made = await rig.browser({ colorScheme, reducedMotion: "reduce" });
    const page = await made.newPage();
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${rig.apps}/me`);
    await accessible(page, `the question ${colorScheme}`);
    await page.getByLabel("API key").fill("sk-fb-nothing-that-works-here-0000000000000000");
    await page.getByRole("button", { name: "Show my budget" }).click();
    await page.getByRole("alert").filter({ hasText: "no key that works" }).waitFor();
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Show my budget" }).click();
    await page.getByText("45%").waitFor();
    await page.getByText(/^\d+ of 60$/).waitFor();
    assert.equal(await page.getByRole("meter").count(), 2);
    assert.match(await page.getByTestId("countdown").first().innerText(), /\d\d:\d\d:\d\d$/);
    await accessible(page, `the figures ${colorScheme}`);
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.doesNotMatch(kept + (await page.content()), new RegExp(key));
    await page.getByRole("button", { name: "Forget the key" }).click();
    assert.equal(await page.getByLabel("API key").inputValue(), "");
    assert.deepEqual(complaints, []);
    await made.close();
  });
}
