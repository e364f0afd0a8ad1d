// Pictures for the README, taken of a demonstration that is opened by its link: `make screenshots`.
import { mkdir } from "node:fs/promises";
import { Demo, context, launch } from "./rig.mjs";

const TO = new URL("../../docs/images/", import.meta.url).pathname;
// Each with its address and how many pixels of it are shown.
const PICTURES = { users: ["/users", 690], overview: ["/", 1080], user: ["/users/cleo", 960], requests: ["/requests", 960] };
// What the list of users says when there is something to see.
const SPREAD = { "Ben Okafor": "Quota exceeded", "Dan Petrov": "Critical", "Cleo Lindqvist": "Warning", "Ada Moreau": /4[456]%/ };
const PATIENCE = 80_000;

const demo = await Demo.start();
const chromium = await launch();
try {
  await mkdir(TO, { recursive: true });
  const signedIn = await context(chromium);
  const first = await signedIn.newPage();
  await first.goto(demo.link);
  await first.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
  await first.goto(new URL("/users", demo.link).href);
  for (const [name, said] of Object.entries(SPREAD)) {
    await first.getByRole("row").filter({ hasText: name }).getByText(said).first().waitFor({ timeout: PATIENCE });
  }
  const storageState = await signedIn.storageState();
  for (const colorScheme of ["light", "dark"]) {
    const made = await context(chromium, { storageState, colorScheme, reducedMotion: "reduce" });
    for (const [name, [path, height]] of Object.entries(PICTURES)) {
      const page = await made.newPage();
      await page.setViewportSize({ width: 1280, height });
      await page.goto(new URL(path, demo.link).href);
      await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
      // The skeletons are gone, and what is drawn has its data.
      await page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".bone"));
      await page.locator("canvas, tbody tr").first().waitFor();
      await page.screenshot({ path: `${TO}${name}-${colorScheme}.png` });
      await page.close();
    }
    await made.close();
  }
} finally {
  await chromium.close();
  await demo.stop();
}
