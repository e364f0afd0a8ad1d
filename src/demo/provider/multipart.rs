//! A multipart form as the JSON object that the rest of the provider reads: texts as strings,
//! `true` and `false` as themselves, files as their length and checksum.

use super::draft::quoted;
use super::fields::BadOrder;

/// The object. `content_type` names the boundary.
pub(super) fn as_json(content_type: &str, body: &[u8]) -> Result<Vec<u8>, BadOrder> {
    let bad = |message: &str| BadOrder { param: None, message: message.to_owned() };
    let boundary = content_type.split(';').find_map(|part| part.trim().strip_prefix("boundary="));
    let boundary = boundary.ok_or_else(|| bad("the multipart body has no boundary"))?;
    let delimiter = format!("--{}", boundary.trim_matches('"')).into_bytes();
    let mut fields = Vec::new();
    for part in parts(body, &delimiter) {
        let end = find(part, b"\r\n\r\n").ok_or_else(|| bad("a part has no head"))?;
        let (head, rest) = part.split_at(end);
        let content = rest.get(4..).unwrap_or_default();
        let head = String::from_utf8_lossy(head);
        let name = attribute(&head, "name").ok_or_else(|| bad("a part has no name"))?;
        let value = match attribute(&head, "filename") {
            Some(_) => {
                format!("{{\"bytes\":{},\"crc\":{}}}", content.len(), crc32fast::hash(content))
            }
            None => match String::from_utf8_lossy(content).as_ref() {
                flag @ ("true" | "false") => flag.to_owned(),
                text => quoted(text),
            },
        };
        fields.push(format!("{}:{value}", quoted(name)));
    }
    Ok(format!("{{{}}}", fields.join(",")).into_bytes())
}

/// What stands between two delimiters, without the line ends that belong to them.
fn parts<'a>(body: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let mut rest = body;
    while let Some(at) = find(rest, delimiter) {
        let before = rest.get(..at).unwrap_or_default();
        if let Some(part) = before.strip_prefix(b"\r\n").and_then(|p| p.strip_suffix(b"\r\n")) {
            found.push(part);
        }
        rest = rest.get(at + delimiter.len()..).unwrap_or_default();
    }
    found
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, wanted)
}

/// The value of `NAME="…"` in a part's head.
fn attribute<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut places = head.split(';').map(str::trim);
    let value = places.find_map(|place| place.strip_prefix(name)?.strip_prefix("=\""))?;
    value.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=\"xx\"";

    #[test]
    fn a_form_becomes_an_object() {
        let body = b"--xx\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
            --xx\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n\
            --xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\
            Content-Type: audio/mpeg\r\n\r\n\xff\x00\r\n--\r\n--xx--\r\n";
        let json = String::from_utf8(as_json(KIND, body).unwrap()).unwrap();
        let crc = crc32fast::hash(b"\xff\x00\r\n--");
        let file = format!("\"file\":{{\"bytes\":6,\"crc\":{crc}}}");
        assert_eq!(json, format!("{{\"model\":\"whisper-1\",\"stream\":true,{file}}}"));
    }

    #[test]
    fn a_broken_form_is_refused() {
        for (kind, body) in [
            ("multipart/form-data", &b"--xx\r\n"[..]),
            (KIND, b"--xx\r\nno head\r\n--xx--"),
            (KIND, b"--xx\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xx--"),
        ] {
            assert!(as_json(kind, body).is_err(), "{kind}");
        }
    }
}
