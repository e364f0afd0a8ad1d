#!/usr/bin/env python3
"""Makes the first inputs of every fuzz target, and a dictionary, from tests/captures.

    seed.py CORPUS DICTIONARY     one folder a target below CORPUS

An input is four choices, a count of cuts, two bytes for each cut, and the body: see src/input.rs.
"""

import base64
import gzip
import hashlib
import json
import os
import pathlib
import re
import struct
import sys
import zlib

HERE = pathlib.Path(__file__).resolve().parent
CORPUS, DICTIONARY = map(pathlib.Path, sys.argv[1:3])
STREAM, EDITED, CUT, REQUEST, FRAMED = 1, 2, 4, 8, 16
LONGEST = 4000


def listed(path, name):
    """The strings of a list that a source file holds."""
    source = (HERE / path).read_text()
    found = re.search(rf"const {name}: &\[[&\w]+\] = &\[(.*?)\];", source, re.S)
    return re.findall(r'"((?:[^"\\]|\\.)*)"|(\d+)', found[1])


KINDS = [text for text, _ in listed("src/dialect.rs", "KINDS")]
STATUS = [int(number) for _, number in listed("src/dialect.rs", "STATUS")]
ENCODINGS = [text for text, _ in listed("targets/decompress.rs", "ENCODINGS")]
EVENTS = [text for text, _ in listed("src/aws.rs", "EVENTS")]


def operations():
    """The target and the number of every operation, by its name in captures."""
    source = (HERE / "../src/dialect/operation.rs").read_text()
    named = dict(re.findall(r'^    (\w+) = "([\w.]+)", \w+, \w+;', source, re.M))
    found = {}
    for path in (HERE / "targets").glob("*.rs"):
        each = re.findall(r"Operation::(\w+)", path.read_text())
        found.update({named[one]: (path.stem, at) for at, one in enumerate(each)})
    return found


def seed(target, body, operation=0, status=0, kind=0, flags=0, cuts=()):
    if len(body) > LONGEST:
        return
    cuts = list(cuts)[:15]
    head = bytes([operation, status, kind, flags, len(cuts)])
    entry = head + b"".join(struct.pack(">H", cut) for cut in cuts) + body
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(entry).hexdigest()).write_bytes(entry)


def socket(text, mask=b""):
    """A text frame."""
    bit = 0x80 if mask else 0
    if len(text) < 126:
        head = bytes([0x81, bit | len(text)])
    else:
        head = bytes([0x81, bit | 126]) + struct.pack(">H", len(text))
    if mask:
        text = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    return head + mask + text


def form(fields):
    out = ""
    for name, value in fields.items():
        if name == "_multipart":
            continue
        text = value if isinstance(value, str) else json.dumps(value)
        is_file = name in ("file", "image", "mask")
        file = '; filename="a.wav"\r\ncontent-type: audio/wav' if is_file else ""
        head = f'content-disposition: form-data; name="{name}"{file}'
        out += f"--fare\r\n{head}\r\n\r\n{text}\r\n"
    return (out + "--fare--\r\n").encode()


def messages(stream):
    """The messages of an AWS event stream, as lines that src/aws.rs makes into messages again."""
    lines = []
    while stream:
        length, headers = struct.unpack(">II", stream[:8])
        packed, payload = stream[12:12 + headers], stream[12 + headers:length - 4]
        kind = re.search(rb"-type\x07..(?!event|exception)(\w+)", packed, re.S)
        kind = kind[1].decode() if kind else "other"
        wrapped = json.loads(payload).get("bytes") if payload.startswith(b'{"bytes"') else None
        at = EVENTS.index(kind) if kind in EVENTS else len(EVENTS) - 1
        payload = base64.b64decode(wrapped) if wrapped else bytes([at]) + payload
        lines.append(payload)
        stream = stream[length:]
    return b"\n".join(lines)


def encodings(body):
    bare = zlib.compressobj(wbits=-15)
    packed = [(gzip.compress(body, mtime=0), "gzip"), (zlib.compress(body), "deflate"),
              (bare.compress(body) + bare.flush(), "deflate")]
    for packed, encoding in packed:
        cuts = [1, len(packed) // 2]
        seed("decompress", packed, ENCODINGS.index(encoding), cuts=cuts)


def framings(transport, body, cuts):
    seed("lines", body, cuts=cuts)
    if transport == "sse":
        seed("sse", body, cuts=cuts)
        seed("sse", body.replace(b"\n", b"\r\n"), cuts=cuts)
    if transport == "json":
        array = body if body.lstrip().startswith(b"[") else b"[%b,%b]" % (body, body)
        seed("elements", array, cuts=cuts)
        seed("json", body, cuts=[len(body) // 2])
    for line in body.splitlines():
        line = line.removeprefix(b"data: ")
        if line.startswith((b"{", b"[")) and len(line) < 4096:
            seed("json", line, cuts=[len(line) // 3, len(line) // 2])
    if len(body) < 3000:
        encodings(body)
    encoded = base64.b64encode(body[:900])
    seed("wrapped", b'{"bytes":"%b","p":"abc"}' % encoded, cuts=[5, 12, 40])
    seed("wrapped", encoded, cuts=[3, 10])


def conversation(one, operation, body):
    client = "".join(f">{line}\n" for line in one.get("ws_client_frames", ()))
    seed("conversation", client.encode() + body, operation, cuts=[40, 90])
    seed("conversation", client.encode() + body, operation, flags=CUT)
    lines = body.splitlines()
    for line in lines:
        seed("websocket", socket(line[:3000]), cuts=[1, 5])
        seed("websocket", socket(line[:3000], b"\x12\x34\x56\x78"), flags=1, cuts=[1, 5])
    seed("websocket", b"".join(map(socket, lines)) + b"\x88\x02\x03\xe8", cuts=[3])


def capture(one, target, operation):
    body = base64.b64decode(one["body_b64"]) if one.get("body_b64") else one["body"].encode()
    cuts = one.get("wire_splits")
    cuts = cuts if isinstance(cuts, list) else [len(body) // 3, len(body) // 2]
    cuts = [cut for cut in cuts if cut < 65536]
    framings(one["transport"], body, cuts)
    if one["transport"] == "ws":
        conversation(one, operation, body)
        return
    names = [kind.split(";")[0] for kind in KINDS]
    name = (one.get("content_type") or "").split(";")[0]
    kind = names.index(name) if name in names else names.index("text/plain")
    status = STATUS.index(one["status"] if one["status"] in STATUS else 400)
    streams = STREAM if one["transport"] != "json" else 0
    for flags in (streams, streams | EDITED):
        seed(target, body, operation, status, kind, flags, cuts)
    if one["transport"] == "eventstream":
        lines = messages(body)
        seed(target, lines, operation, status, kind, streams | FRAMED, cuts)
        seed("eventstream", body, cuts=cuts)
        seed("eventstream", lines, flags=FRAMED, cuts=cuts)
    secret = re.sub(rb'("(?:content|text|delta|input|arguments)": ?")', rb"\1tell no one", body)
    seed("filler", secret, kind=kind)
    request = one.get("request") or {}
    if request.get("_multipart"):
        seed("multipart", form(request), cuts=[10, 80])
        kind = names.index("multipart/form-data")
        seed(target, form(request), operation, kind=kind, flags=REQUEST, cuts=[10, 80])
    text = json.dumps(request).encode()
    seed(target, text, operation, flags=REQUEST, cuts=[len(text) // 2])


def words(value):
    """The keys of a document, and what it says that looks like a name."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield key
            yield from words(below)
    elif isinstance(value, list):
        for below in value:
            yield from words(below)
    elif isinstance(value, str) and re.fullmatch(r"[a-z_.]{3,40}", value):
        yield value


def dictionary(captures):
    found = {"tell no one", "data: ", "event: ", "data: [DONE]", "\\x0a\\x0a", "\\x0d\\x0a"}
    for one in captures:
        texts = [line.removeprefix("data: ") for line in one["body"].splitlines()]
        for text in [one["body"], json.dumps(one.get("request")), *texts]:
            try:
                found.update(f'\\"{word}\\"' for word in words(json.loads(text)) if word.isascii())
            except ValueError:
                pass
    DICTIONARY.write_text("".join(f'"{word}"\n' for word in sorted(found) if len(word) < 60))


def main():
    known = operations()
    captures = [json.loads(path.read_text()) for path in sorted(HERE.glob("../tests/captures/*.json"))]
    for one in captures:
        capture(one, *known[one["dialect"]])
    # What plain tools wrote: a stored brotli block, and the same text as zstd.
    brotli = b'\x21\x28\x00\x04{"usage":1}\x03'
    seed("decompress", brotli, ENCODINGS.index("br"))
    zstd = bytes.fromhex("28b52ffd200b590000") + b'{"usage":1}'
    seed("decompress", zstd, ENCODINGS.index("zstd"))
    dictionary(captures)
    inputs = sum(len(files) for *_, files in os.walk(CORPUS))
    print(f"{inputs} inputs for {len(os.listdir(CORPUS))} targets")


main()
