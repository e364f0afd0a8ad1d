//! WebSocket frames of our own, to be put in between those that go by.

use super::head::{EIGHT, LAST, MASKED, SHORT, TWO};

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

/// A close with a reason, which is cut to what a control frame holds. A client's needs a mask.
pub fn close_frame(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let room = reason.len().min(usize::from(SHORT) - size_of::<u16>());
    let reason = (0..=room).rev().find_map(|length| reason.get(..length)).unwrap_or_default();
    frame(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat(), mask)
}

/// A message of text in one frame. A client's needs a mask.
pub fn text_frame(text: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    frame(TEXT, text.as_bytes(), mask)
}

fn frame(opcode: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = vec![LAST | opcode];
    let masked = if mask.is_some() { MASKED } else { 0 };
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=SHORT), _) => frame.push(masked | length),
        (_, Ok(length)) => {
            frame.push(masked | TWO);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(masked | EIGHT);
            frame.extend_from_slice(&crate::framing::offset(payload.len()).to_be_bytes());
        }
    }
    match mask {
        None => frame.extend_from_slice(payload),
        Some(mask) => {
            frame.extend_from_slice(&mask);
            frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        }
    }
    frame
}
