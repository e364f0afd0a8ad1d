// Days are those of the ledger, wherever the browser is.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig } from "./rig.mjs";

// A place where it is another date than by UTC, now.
const ZONE = new Date().getUTCHours() >= 11 ? "Pacific/Kiritimati" : "Pacific/Pago_Pago";
let rig;

before(async () => {
  rig = await Rig.start(`[ledger]\ntimezone = "${ZONE}"\n[admin]\nrequests_per_minute = 100000\n`);
  await rig.user("alice", { used: "11.25" });
});

after(() => rig?.stop());

test("what was spent today is of the day of the ledger", async () => {
  const page = await rig.page("/");
  const today = page.locator(".stat").filter({ hasText: "Spent today" });
  await today.getByText("$11.25").waitFor();
  await today.getByText(`since midnight, ${ZONE}`).waitFor();
  await page.getByText("Spent as a table").click();
  const last = page.getByRole("group", { name: "Spent", exact: true }).getByRole("row").last();
  assert.match(await last.textContent(), /\$11\.25$/);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});
