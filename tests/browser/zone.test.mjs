// Days are those of the ledger's time zone, not of UTC and not of the browser.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig } from "./rig.mjs";

// A zone in which it is another day than in UTC, whenever this runs.
const ZONE = new Date().getUTCHours() >= 11 ? "Pacific/Kiritimati" : "Etc/GMT+12";
const today = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE }).format();
let rig;

before(async () => {
  rig = await Rig.start(`[ledger]\ntimezone = "${ZONE}"\n[admin]\nrequests_per_minute = 100000\n`);
  await rig.user("alice", { used: "5" });
  assert.equal(await rig.call(await rig.key("alice")), 200);
});

after(() => rig?.stop());

test("what is spent today is spent on the day of the ledger", async () => {
  assert.notEqual(today, new Date().toISOString().slice(0, 10));
  const page = await rig.page("/");
  const stat = page.locator(".stat").filter({ hasText: "Spent today" });
  await stat.filter({ hasText: `midnight, ${ZONE}` }).filter({ hasText: "$5.00" }).waitFor();
  const name = new Intl.DateTimeFormat("en-GB", { month: "short", day: "numeric", timeZone: "UTC" }).format(new Date(`${today}T00:00:00Z`));
  const last = async (region, column) => {
    await page.getByRole("region", { name: region }).getByText(/as a table$/).click();
    const row = page.getByRole("region", { name: region }).getByRole("row").last();
    await row.filter({ hasText: name }).filter({ hasText: column }).waitFor();
  };
  await last(/^Spent by day/, "$5.00");
  await page.goto(`${rig.url}/users/alice`);
  await last(/^Spent by day/, "$5.00");
  await page.goto(`${rig.url}/activity`);
  await last(/^Spent by day/, "$5.00");
  await page.goto(`${rig.url}/requests`);
  await last(/^Calls by day/, "1");
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});
