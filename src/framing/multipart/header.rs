//! What the headers of a multipart body say: the boundary, and the name of each part.

use super::parameters::divide;
use super::{Flaw, MAX_BOUNDARY, MAX_NAME};

/// A part, by its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: Vec<u8>,
    pub(super) is_file: bool,
}

/// The boundary that a `content-type` names.
pub(super) fn boundary(content_type: &str) -> Result<Vec<u8>, Flaw> {
    let shown: String = content_type.chars().take(200).collect();
    let bad = |what: &str| {
        Flaw(format!(
            "the content type `{shown}` {what}; send `multipart/form-data; boundary=…` with the \
             boundary of the body"
        ))
    };
    let value = divide(content_type.as_bytes());
    let (kind, parameters) = value.ok_or_else(|| bad("has a parameter that is cut off"))?;
    if !kind.eq_ignore_ascii_case(b"multipart/form-data") {
        return Err(bad("is no form"));
    }
    let mut named = parameters.into_iter().filter(|(n, _)| n.eq_ignore_ascii_case(b"boundary"));
    let (_, boundary) = named.next().ok_or_else(|| bad("names no boundary"))?;
    let printable = boundary.iter().all(|byte| (b' '..=b'~').contains(byte));
    if named.next().is_some() {
        return Err(bad("names two boundaries"));
    }
    if !printable || boundary.is_empty() || boundary.ends_with(b" ") {
        return Err(bad("names a boundary that is empty or has characters that it may not have"));
    }
    if boundary.len() > MAX_BOUNDARY {
        return Err(bad(&format!("names a boundary over {MAX_BOUNDARY} characters")));
    }
    Ok(boundary)
}

/// The part that a line of its headers names, if it is the line that does; or what is wrong with it.
pub(super) fn field(line: &[u8]) -> Result<Option<Field>, &'static str> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err("has a header that goes on in the next line; write it on one");
    }
    let Some(colon) = memchr::memchr(b':', line) else {
        return Err("has a header without a colon; send `name: value`");
    };
    let (name, value) = line.split_at(colon);
    if !name.trim_ascii_end().eq_ignore_ascii_case(b"content-disposition") {
        return Ok(None);
    }
    let unreadable = "has a content-disposition that cannot be read; send `form-data; name=\"…\"`";
    let (kind, parameters) = divide(value.get(1..).unwrap_or_default()).ok_or(unreadable)?;
    if !kind.eq_ignore_ascii_case(b"form-data") {
        return Err(unreadable);
    }
    let mut name = None;
    let mut is_file = false;
    for (key, value) in parameters {
        if key.eq_ignore_ascii_case(b"name") {
            if name.replace(value).is_some() {
                return Err("has two names; send one");
            }
        } else if key.eq_ignore_ascii_case(b"filename") || key.eq_ignore_ascii_case(b"filename*") {
            is_file = true;
        }
    }
    match name {
        None => Err(unreadable),
        Some(name) if name.len() > MAX_NAME => Err("has a name over 256 bytes; send a shorter one"),
        Some(name) => Ok(Some(Field { name, is_file })),
    }
}
