// What the dashboard does when the server dies and comes back, and when there is no WebSocket.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Rig, TOKEN } from "./rig.mjs";

let rig;

before(async () => {
  rig = await Rig.start();
  await rig.user("alice", { limits: ["10usd/month"], used: "4.5" });
});

after(() => rig?.stop());

const badge = (page, word) => page.getByTestId("live").filter({ hasText: word }).waitFor({ timeout: 30_000 });

test("r147 a server that dies for five seconds is found again, with the same login", async () => {
  const page = await rig.page("/users");
  await badge(page, "Live");
  await rig.farebox.stop("SIGKILL");
  await badge(page, "Reconnecting");
  await new Promise((done) => setTimeout(done, 5000));
  await rig.serve();
  await badge(page, "Live");
  await rig.charge("alice", "1");
  await page.getByText("55%").waitFor({ timeout: 3000 });
  await page.context().close();
});

test("r147 without a WebSocket the page polls, and the figures move all the same", async () => {
  const made = await rig.browser();
  await made.request.post(`${rig.url}/api/v1/session`, { data: { token: TOKEN } });
  const page = await made.newPage();
  await page.routeWebSocket("**/api/quota/ws", (socket) => socket.close({ code: 1011 }));
  await page.addInitScript(() => {
    // A connection that the network forbids never opens.
    const Real = window.WebSocket;
    window.WebSocket = class extends EventTarget {
      static OPEN = Real.OPEN;
      constructor() {
        super();
        setTimeout(() => this.onclose?.({ code: 1006 }), 20);
      }
      close() {}
      send() {}
    };
  });
  await page.clock.install();
  await page.goto(`${rig.url}/users`);
  await page.clock.runFor(12_000);
  await badge(page, "Polling");
  await rig.charge("alice", "2");
  await page.clock.runFor(32_000);
  await page.getByText("75%").waitFor();
  await made.close();
});

test("the badge says when nothing is reached at all", async () => {
  const page = await rig.page("/users");
  await badge(page, "Live");
  await page.getByText("75%").waitFor();
  await rig.farebox.stop("SIGKILL");
  await badge(page, "Offline");
  assert.equal(await page.getByText("75%").count(), 1, "what was known stays");
  await rig.serve();
  await badge(page, "Live");
  await page.context().close();
});
