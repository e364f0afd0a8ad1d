"""Calls one after the other, with and without live clients, by turns; see live.sh."""

import asyncio
import base64
import json
import os
import statistics
import sys
import time
import urllib.parse
import urllib.request

port, admin, key, pid = sys.argv[1:5]
clients = int(os.environ.get("CLIENTS", 1000))
turns = int(os.environ.get("TURNS", 5))
calls = int(os.environ.get("CALLS", 400))
scope = os.environ.get("SCOPE", "all")
host = urllib.parse.urlsplit(admin)
token = os.environ["FAREBOX_ADMIN_TOKEN"]
BODY = json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}]})
CALL = (
    f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    f"content-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n{BODY}"
).encode()


def resident():
    """KiB of memory of the proxy."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


async def answer(reader):
    """Reads a whole answer; its status and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")),
        0,
    )
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)


async def ask(method, path, body=""):
    reader, writer = await asyncio.open_connection(host.hostname, host.port)
    writer.write(
        f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
    )
    status, text = await answer(reader)
    writer.close()
    assert status < 300, (method, path, status, text)
    return json.loads(text)


async def connect(i):
    """Opens a live connection; returns it once its snapshot has come."""
    ticket = (await ask("POST", "/api/v1/ws-tickets", "{}"))["ticket"]
    reader, writer = await asyncio.open_connection(host.hostname, host.port, limit=1 << 20)
    only = f"&user=live-{i}" if scope == "user" else ""
    nonce = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /api/quota/ws?ticket={ticket}{only} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n"
        f"connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: {nonce}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head, head
    await reader.readexactly(2)
    return reader, writer


async def drain(reader):
    while await reader.read(1 << 16):
        pass


async def latencies():
    """Microseconds of calls one after the other, ten milliseconds apart."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
    found = []
    for _ in range(calls):
        await asyncio.sleep(0.01)
        begin = time.perf_counter()
        writer.write(CALL)
        status, _ = await answer(reader)
        found.append((time.perf_counter() - begin) * 1e6)
        assert status == 200, status
    writer.close()
    return found


async def pages():
    while True:
        await ask("GET", "/api/v1/users?sort=-utilization&limit=50")
        await asyncio.sleep(0.1)


# The calls are timed in a process of their own, so that what reads the updates does not delay them.
async def timed():
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, port, admin, key, pid, "time", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    return json.loads(out)


async def main():
    if scope == "user":
        for i in range(clients):
            await ask("POST", "/api/v1/users", json.dumps({"id": f"live-{i}"}))
    await timed()
    without, beside, memory = [], [], []
    for _ in range(turns):
        without += await timed()
        before = resident()
        open_now = []
        for start in range(0, clients, 50):
            some = range(start, min(start + 50, clients))
            open_now += await asyncio.gather(*(connect(i) for i in some))
        memory.append((resident() - before) / clients)
        reading = [asyncio.create_task(drain(reader)) for reader, _ in open_now]
        reading.append(asyncio.create_task(pages()))
        beside += await timed()
        for task in reading:
            task.cancel()
        for _, writer in open_now:
            writer.close()
        await asyncio.sleep(0.5)
    for name, found in [("without", without), ("beside", beside)]:
        places = statistics.quantiles(found, n=100)
        print(f"{name:8} {len(found)} calls: p50 {places[49]:.0f} us, p90 {places[89]:.0f} us, p99 {places[98]:.0f} us")
    ratio = statistics.median(beside) / statistics.median(without)
    print(f"p50 beside {clients} live clients: {ratio:.3f} of that without")
    print(f"memory of a client: {max(memory):.1f} KiB in the first turn, {statistics.median(memory):.1f} in the middle one")


if sys.argv[5:] == ["time"]:
    print(json.dumps(asyncio.run(latencies())))
else:
    asyncio.run(main())
