// A Redis of this run only, in a directory of its own.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./rig.mjs";

const PATIENCE = 20_000;

export class Redis {
  static async start() {
    const redis = new Redis();
    redis.dir = await mkdtemp(join(tmpdir(), "farebox-redis-"));
    redis.port = await freePort();
    redis.server = spawn("redis-server", ["--port", String(redis.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", redis.dir], { stdio: "ignore" });
    redis.ended = new Promise((done) => redis.server.once("exit", done));
    const until = Date.now() + PATIENCE;
    while (!(await answers(redis.port))) {
      if (Date.now() > until || redis.server.exitCode !== null) throw new Error("redis-server does not answer");
    }
    return redis;
  }

  async stop() {
    this.server.kill("SIGKILL");
    await this.ended;
    await rm(this.dir, { recursive: true, force: true });
  }
}

// Whether somebody answers there, soon.
function answers(port) {
  return new Promise((done) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write("PING\r\n"));
    const end = (found) => {
      socket.destroy();
      done(found);
    };
    socket.setTimeout(500, () => end(false));
    socket.once("data", () => end(true));
    socket.once("error", () => setTimeout(end, 50, false));
  });
}
