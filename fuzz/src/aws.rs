//! AWS messages with checksums that hold: no chance of a fuzzer finds these by itself.

/// The kinds of events that dialects know, and one that none does.
const EVENTS: &[&str] = &[
    "chunk",
    "messageStart",
    "contentBlockStart",
    "contentBlockDelta",
    "contentBlockStop",
    "messageStop",
    "metadata",
    "throttlingException",
    "other",
];

/// Each line as an intact message: its first byte chooses the kind, the rest is the payload.
pub fn messages(lines: &[u8]) -> Vec<u8> {
    lines.split(|&byte| byte == b'\n').filter_map(|line| line.split_first()).fold(
        Vec::new(),
        |mut stream, (&kind, payload)| {
            let event = EVENTS[usize::from(kind) % EVENTS.len()];
            let exception = event.ends_with("Exception");
            let (name, value) =
                if exception { (":exception-type", "exception") } else { (":event-type", "event") };
            stream.extend(message(&[(":message-type", value), (name, event)], payload));
            stream
        },
    )
}

/// The line that [`messages`] makes into one `chunk` with the payload in base64, as Bedrock wraps it.
pub fn wrapped(line: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = b"\0{\"bytes\":\"".to_vec();
    for group in line.chunks(3) {
        let bits = group.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte));
        let bits = bits << (8 * (3 - group.len()));
        let digit = |at: usize| DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
        out.extend((0..4).map(|at| if at <= group.len() { digit(at) } else { b'=' }));
    }
    out.extend(b"\",\"p\":\"abc\"}");
    out
}

fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    for (name, value) in headers {
        packed.push(name.len() as u8);
        packed.extend(name.as_bytes());
        packed.push(7);
        packed.extend((value.len() as u16).to_be_bytes());
        packed.extend(value.as_bytes());
    }
    let mut out = ((16 + packed.len() + payload.len()) as u32).to_be_bytes().to_vec();
    out.extend((packed.len() as u32).to_be_bytes());
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend(packed);
    out.extend(payload);
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}
