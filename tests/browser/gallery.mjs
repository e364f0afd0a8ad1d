// Every page as pictures, at two widths, in both themes, with much and with nothing in it, for
// somebody to look at: `make gallery`. Only what is wrong with a page that a test can say is tested.
import { mkdir } from "node:fs/promises";
import { Rig } from "./rig.mjs";
import { FILE, furnish } from "./furnish.mjs";

const TO = new URL("../../target/gallery/", import.meta.url).pathname;
const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
const PAGES = {
  overview: "/", users: "/users", user: "/users/priya", keys: "/keys", providers: "/providers", requests: "/requests",
  activity: "/activity?span=30d", alerts: "/alerts", snapshots: "/snapshots", reports: `/reports?date=${yesterday}`, settings: "/settings",
  workspaces: "/settings?section=workspaces", tokens: "/settings?section=tokens", prices: "/settings?section=pricing&model=gpt-5", limits: "/settings?section=limits&account=user:priya", audit: "/settings?section=audit", health: "/settings?section=health",
};
const [only, kinds] = [process.env.GALLERY?.split(","), process.env.GALLERY_KINDS ?? "empty,full"];

async function picture(rig, page, name) {
  await page.waitForFunction(() => document.querySelector("main h1, main h2") && !document.querySelector(".bone"));
  await page.waitForLoadState("networkidle");
  await page.screenshot({ path: `${TO}${name}.png`, fullPage: true });
}

async function walk(rig, kind, pages) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1440, 390]) {
      for (const [name, path] of Object.entries(pages)) {
        if (only && !only.includes(name)) continue;
        const page = await rig.page(path, { colorScheme, reducedMotion: "reduce", viewport: { width, height: 900 } });
        await picture(rig, page, `${name}-${kind}-${width}-${colorScheme}`);
        await page.context().close();
      }
    }
  }
}

await mkdir(TO, { recursive: true });
if (kinds.includes("empty")) {
  const empty = await Rig.start("[admin]\nrequests_per_minute = 100000\n[history]\npersistence = false\n");
  try {
    await empty.api("DELETE", "/api/v1/users/default");
    await walk(empty, "empty", { ...PAGES, user: "/users/nobody" });
  } finally {
    await empty.stop();
  }
}
if (kinds.includes("full")) {
  const full = await Rig.start(FILE);
  try {
    await furnish(full);
    await walk(full, "full", PAGES);
    await full.charge("x".repeat(64), "4050000");
    await walk(full, "rich", { overview: "/", users: "/users", user: `/users/${"x".repeat(64)}` });
  } finally {
    await full.stop();
  }
}
