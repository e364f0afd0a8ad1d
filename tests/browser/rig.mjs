// Starts what the tests of the dashboard need: a simulated provider, Farebox, Chromium.
// Everything is of this run only and is ended with it.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createServer } from "node:net";
import { Agent, request } from "node:http";
import { chromium } from "playwright-core";

export const TOKEN = "a-token-of-this-run-only";
const BINARY = resolve(process.env.FAREBOX ?? "target/debug/farebox");
const PATIENCE = 20_000;

// A port that nobody has now. A program that is started again must come back at the same one, so it
// is below those that systems give to outgoing connections.
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await new Promise((done) => {
      const server = createServer().once("error", () => done(false)).listen(port, "127.0.0.1", () => server.close(() => done(true)));
    });
    if (free) return port;
  }
}

// Starts a program and waits for a line of its output.
// `before` is a program that runs it, with its arguments: one that moves the clock, say.
function start(args, cwd, pattern, { before = [], more = { FAREBOX_ADMIN_TOKEN: TOKEN, OPENAI_API_KEY: "any" } } = {}) {
  const [program, ...rest] = [...before, BINARY, ...args];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("FAREBOX")));
  const child = spawn(program, rest, { cwd, env: { ...env, ...more } });
  let heard = "";
  const said = new Promise((done, fail) => {
    const hear = (chunk) => {
      heard += chunk;
      const found = heard.match(pattern);
      if (found) done(found[1]);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", (code) => fail(new Error(`${args[0]} ended with ${code}:\n${heard}`)));
    setTimeout(() => fail(new Error(`${args[0]} does not say ${pattern}:\n${heard}`)), PATIENCE).unref();
  });
  said.catch(() => {});
  const stop = (signal = "SIGTERM") => new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return void done();
    child.once("exit", done);
    child.kill(signal);
  });
  return { said, stop };
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

// A browser of somebody: what is kept in it is his alone.
export async function context(browser, options = {}) {
  const made = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", timezoneId: "UTC", ...options });
  made.setDefaultTimeout(PATIENCE);
  return made;
}

// A running demonstration, and the link that it prints.
export class Demo {
  static async start() {
    const demo = new Demo();
    demo.program = start(["demo"], tmpdir(), /(http\S+#once=\w+)/, { more: {} });
    demo.link = await demo.program.said;
    return demo;
  }

  stop() {
    return this.program.stop("SIGINT");
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 16 });

// {status, text} of a request. Not `fetch`, which takes a millisecond of this program for each.
function exchange(url, method, headers, body) {
  return new Promise((done, fail) => {
    const asked = request(url, { agent, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("error", fail).on("data", (chunk) => { text += chunk; }).on("end", () => done({ status: response.statusCode, text }));
    });
    // A connection that a server before this one had ended.
    const again = (why) => (asked.reusedSocket && why.code === "ECONNRESET" ? exchange(url, method, headers, body).then(done, fail) : fail(why));
    asked.on("error", again).end(body);
  });
}

export class Rig {
  static async start(file = "") {
    const rig = new Rig();
    rig.dir = await mkdtemp(join(tmpdir(), "farebox-browser-"));
    rig.simulated = start(["simulate"], rig.dir, /(http:\/\/\S+\/v1)/);
    rig.upstream = await rig.simulated.said;
    // The tests ask more often than people do.
    const text = file || "[admin]\nrequests_per_minute = 100000\n";
    await writeFile(join(rig.dir, "farebox.toml"), text.replaceAll("UPSTREAM", new URL(rig.upstream).origin));
    [rig.appsPort, rig.adminPort] = [await freePort(), await freePort()];
    rig.url = `http://127.0.0.1:${rig.adminPort}`;
    rig.apps = `http://127.0.0.1:${rig.appsPort}`;
    await rig.serve().catch(async (why) => {
      // Who failed to start a test has nothing to stop.
      await rig.stop();
      throw why;
    });
    return rig;
  }

  async serve(before = []) {
    const args = ["serve", "--config", "farebox.toml", "--listen", `127.0.0.1:${this.appsPort}`, "--admin-listen", `127.0.0.1:${this.adminPort}`, "--upstream", `openai=${this.upstream}`];
    this.farebox = start(args, this.dir, /operators\s+(http\S+)/, { before });
    await this.farebox.said;
  }

  async browser(options = {}) {
    this.chromium ??= await launch();
    return context(this.chromium, options);
  }

  // A page of somebody who is logged in. What the browser complains of is in `complaints`.
  async page(path = "/", options = {}) {
    const made = await this.browser(options);
    const answer = await made.request.post(`${this.url}/api/v1/session`, { data: { token: TOKEN } });
    if (!answer.ok()) throw new Error(await answer.text());
    const page = await made.newPage();
    page.complaints = [];
    page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
    page.on("pageerror", (error) => page.complaints.push(String(error)));
    await page.goto(this.url + path);
    return page;
  }

  async api(method, path, body) {
    const sent = body === undefined ? "" : JSON.stringify(body);
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json", "content-length": Buffer.byteLength(sent) };
    const { status, text } = await exchange(this.url + path, method, headers, sent);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  // A user with a limit, of which so many dollars are used.
  async user(id, { limits = ["25usd/month"], used, ...rest } = {}) {
    await this.api("POST", "/api/v1/users", { id, limits, ...rest });
    if (used) await this.charge(id, used);
  }

  async charge(user, cost_usd, model = "gpt-5") {
    this.charged = (this.charged ?? 0) + 1;
    await this.api("POST", "/api/v1/usage-events", { id: `charge-${this.charged}`, user, cost_usd, model, tokens_used: 1200, provider: "openai" });
  }

  async key(user) {
    return (await this.api("POST", "/api/v1/keys", { user })).key;
  }

  // A real call through the data listener.
  async call(key, model = "gpt-5", script = {}) {
    const response = await fetch(`${this.apps}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "x-simulate": JSON.stringify(script) },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] }),
    });
    await response.text();
    return response.status;
  }

  async stop() {
    await this.chromium?.close();
    await this.farebox?.stop();
    await this.simulated?.stop();
    await rm(this.dir, { recursive: true, force: true });
  }
}
