// Pictures for the README, taken of the built program with traffic: `make screenshots`.
import { mkdir } from "node:fs/promises";
import { Rig } from "./rig.mjs";

const TO = new URL("../../docs/images/", import.meta.url).pathname;
const PEOPLE = [
  ["amelia", "Amelia Brandt", "research", 50, "47.9"],
  ["jonas", "Jonas Meyer", "platform", 25, "23.1"],
  ["priya", "Priya Raman", "research", 100, "84.2"],
  ["tomas", "Tomás Ortega", "support", 10, "10.4"],
  ["wei", "Wei Zhang", "platform", 25, "11.25"],
  ["fatima", "Fatima El Amrani", "support", 10, "3.8"],
  ["noah", "Noah Fischer", "platform", 25, "6.4"],
  ["ci-bot", "CI", "platform", 5, "0.62"],
];

const rig = await Rig.start();
try {
  await mkdir(TO, { recursive: true });
  for (const id of ["research", "platform", "support"]) await rig.api("POST", "/api/v1/workspaces", { id });
  for (const [id, name, workspace, dollars, used] of PEOPLE) {
    await rig.user(id, { name, workspace, limits: [`${dollars}usd/month`, "60requests/minute"] });
    await rig.charge(id, used, ["gpt-5", "gpt-5-mini", "claude-sonnet-4-5"][used.length % 3]);
    const key = await rig.key(id);
    for (let i = 0; i < used.length * 2; i += 1) await rig.call(key, i % 2 ? "gpt-5" : "gpt-5-mini");
  }
  await rig.api("DELETE", "/api/v1/users/default");
  await rig.api("POST", "/api/v1/users/noah/suspend", {});
  for (const colorScheme of ["light", "dark"]) {
    for (const [name, path] of [["users", "/users"], ["overview", "/"], ["user", "/users/priya"]]) {
      const page = await rig.page(path, { colorScheme, reducedMotion: "reduce", viewport: { width: 1280, height: 760 } });
      await page.getByTestId("live").filter({ hasText: "Live" }).waitFor();
      await page.waitForFunction(() => document.querySelector("h1") && !document.querySelector(".bone"));
      await page.waitForLoadState("networkidle");
      await page.screenshot({ path: `${TO}${name}-${colorScheme}.png` });
      await page.context().close();
    }
  }
} finally {
  await rig.stop();
}
