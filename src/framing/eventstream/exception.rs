//! Writes the one message of AWS's event stream that is ever added to one: an exception, which ends
//! it. Everything else is only read.

/// The header type of a string.
const STRING: u8 = 7;

/// A prelude and a checksum.
const AROUND: usize = 16;

/// A message that ends a stream with an error of this name.
pub fn exception(name: &str, payload: &str) -> Vec<u8> {
    let headers = [
        (":exception-type", name),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        block.extend_from_slice(name.as_bytes());
        block.push(STRING);
        block.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    let all = AROUND.saturating_add(block.len()).saturating_add(payload.len());
    let mut message = Vec::with_capacity(all);
    for length in [all, block.len()] {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        message.extend_from_slice(&length.to_be_bytes());
    }
    add_checksum(&mut message);
    message.extend_from_slice(&block);
    message.extend_from_slice(payload.as_bytes());
    add_checksum(&mut message);
    message
}

fn add_checksum(message: &mut Vec<u8>) {
    let sum = crc32fast::hash(message);
    message.extend_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::{EventStream, Messages};
    use super::*;

    #[derive(Default)]
    struct Seen(Vec<String>);

    impl Messages for Seen {
        fn header(&mut self, name: &[u8], value: &[u8]) {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            self.0.push(format!("{}={}", text(name), text(value)));
        }
        fn payload(&mut self, bytes: &[u8], _at: u64) {
            self.0.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        fn end(&mut self, intact: bool) {
            self.0.push(format!("intact={intact}"));
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let mut seen = Seen::default();
        EventStream::new()
            .push(&exception("throttlingException", "{\"message\":\"no\"}"), &mut seen);
        assert_eq!(
            seen.0,
            [
                ":exception-type=throttlingException",
                ":content-type=application/json",
                ":message-type=exception",
                "{\"message\":\"no\"}",
                "intact=true",
            ]
        );
    }
}
