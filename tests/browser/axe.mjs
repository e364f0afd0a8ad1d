// What axe-core finds on a page must be nothing.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function accessible(page, what) {
  // Not as a script element: the page's policy allows none but its own.
  await page.evaluate(`window.axe || (() => { ${source} })()`);
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.slice(0, 4).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary.split("\n")[1]}`).join("\n    ")}`);
  assert.equal(found.length, 0, `${what}:\n  ${found.join("\n  ")}`);
}

// The same in either theme; the page is loaded once.
export async function accessibleInBoth(page, what) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await accessible(page, `${what}, ${colorScheme}`);
  }
}
