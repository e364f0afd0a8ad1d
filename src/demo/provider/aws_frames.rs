//! Frames of AWS's event stream: lengths, headers, payload, and a CRC32 of the prelude and of the
//! whole frame. Writes; the reader that is tested with it is written on its own.

/// The header type of a string.
const STRING: u8 = 7;

/// A frame that carries an event.
pub(super) fn event(kind: &str, payload: &str) -> Vec<u8> {
    frame(
        &[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")],
        payload.as_bytes(),
    )
}

/// A frame that ends the stream with an error.
pub(super) fn exception(kind: &str, payload: &str) -> Vec<u8> {
    frame(
        &[
            (":exception-type", kind),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ],
        payload.as_bytes(),
    )
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        block.extend_from_slice(name.as_bytes());
        block.push(STRING);
        block.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    let mut frame = Vec::with_capacity(16 + block.len() + payload.len());
    frame.extend_from_slice(&length(16 + block.len() + payload.len()));
    frame.extend_from_slice(&length(block.len()));
    let prelude = crc32fast::hash(&frame);
    frame.extend_from_slice(&prelude.to_be_bytes());
    frame.extend_from_slice(&block);
    frame.extend_from_slice(payload);
    let whole = crc32fast::hash(&frame);
    frame.extend_from_slice(&whole.to_be_bytes());
    frame
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as botocore's tests and the service write it.
    #[test]
    fn a_frame_is_that_of_the_service() {
        let frame = event("messageStart", r#"{"p":"abc","role":"assistant"}"#);
        assert_eq!(frame.len(), 0x80);
        assert_eq!(frame[..12], [0, 0, 0, 0x80, 0, 0, 0, 0x52, 0x51, 0xa1, 0x5f, 0x23]);
        assert_eq!(frame[124..], [0xf2, 0x9e, 0xd8, 0xda]);
        assert_eq!(frame[12..25], *b"\x0b:event-type\x07");
    }
}
