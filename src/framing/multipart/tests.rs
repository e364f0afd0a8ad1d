//! Bodies as clients write them, and as nobody should, in every division.
//! Compiled under `#[cfg(test)]` only.

use super::super::pieces::{any_cuts, divide, every_way, words};
use super::*;
use proptest::prelude::*;

#[derive(Debug, Default, PartialEq)]
struct Log {
    parts: Vec<(String, bool, String)>,
    open: bool,
}

impl Parts for Log {
    fn part(&mut self, name: &[u8], is_file: bool) {
        assert!(!self.open, "a part in a part");
        self.open = true;
        self.parts.push((String::from_utf8_lossy(name).into_owned(), is_file, String::new()));
    }

    fn data(&mut self, bytes: &[u8]) {
        assert!(self.open && !bytes.is_empty());
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        self.parts.last_mut().unwrap().2.push_str(&text);
    }

    fn end(&mut self) {
        assert!(self.open, "the end of no part");
        self.open = false;
    }
}

const TYPE: &str = "multipart/form-data; boundary=b";

fn read_as(content_type: &str, pieces: &[&[u8]]) -> (Log, Result<(), Flaw>) {
    let (mut multipart, mut log) = (Multipart::new(content_type).unwrap(), Log::default());
    for piece in pieces {
        let _ = multipart.push(piece, &mut log);
    }
    (log, multipart.finish())
}

fn read(pieces: &[&[u8]]) -> (Log, Result<(), Flaw>) {
    read_as(TYPE, pieces)
}

fn check(body: &str, expected: &[(&str, bool, &str)]) {
    let (log, end) = every_way(body.as_bytes(), read);
    assert_eq!(end, Ok(()), "{body:?}");
    let parts: Vec<_> = log.parts.iter().map(|(n, f, d)| (&n[..], *f, &d[..])).collect();
    assert_eq!(parts, expected, "{body:?}");
    assert!(!log.open);
}

fn check_flaw(body: &str, what: &str) {
    let (_, end) = every_way(body.as_bytes(), read);
    let flaw = end.unwrap_err().to_string();
    assert!(flaw.contains(what) && flaw.contains("; "), "{body:?}: {flaw}");
}

/// A body with the given parts: what follows `form-data; ` and what the part holds.
fn body(parts: &[(&str, &str)]) -> String {
    let part = |(parameters, text): &(&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; {parameters}\r\n\r\n{text}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "--b--\r\n"
}

#[test]
fn reads_fields_and_files() {
    check(
        &body(&[
            ("name=\"model\"", "whisper-1"),
            ("name=\"file\"; filename=\"a.mp3\"", "\0\r\n\r\nID3\r"),
            ("name=stream", "true"),
            ("name=\"empty\"", ""),
            ("name=\"f\"; filename*=UTF-8''a", "x"),
        ]),
        &[
            ("model", false, "whisper-1"),
            ("file", true, "\0\r\n\r\nID3\r"),
            ("stream", false, "true"),
            ("empty", false, ""),
            ("f", true, "x"),
        ],
    );
    check("--b--", &[]);
    check("--b--\r\nafter\r\n--b\r\n", &[]);
}

#[test]
fn reads_what_the_rules_allow_around_parts() {
    let part = "content-type: text/plain\r\nCONTENT-DISPOSITION : Form-Data ; NAME=a\r\n\r\n1";
    check(&format!("before\r\n--b \t\r\n{part}\r\n--b--"), &[("a", false, "1")]);
    check(&format!("\r\n--b\r\n{part}\r\n--b--"), &[("a", false, "1")]);
    // The blank line behind the headers ends the line before a boundary, too.
    let none = "content-disposition: form-data; name=a\r\n\r\n";
    check(&format!("--b\r\n{none}--b\r\n{none}\r\n--b--"), &[("a", false, ""), ("a", false, "")]);
}

#[test]
fn what_only_looks_like_a_boundary_is_data() {
    for data in ["x--b", "\n--b", "\r--b", "\r\n-b", "\r\n--c", "\r\n\r\n--", "\r\r\n-\r", "-"] {
        check(&body(&[("name=a", &format!("{data}."))]), &[("a", false, &format!("{data}."))])
    }
}

#[test]
fn says_what_is_wrong() {
    check_flaw("", "before its closing boundary");
    check_flaw(&body(&[("name=a", "1")])[..50], "(parts read: 1)");
    check_flaw("--b\r\n\r\n1\r\n--b--", "part 1 of the multipart body has no name");
    check_flaw("--b\r\ncontent-disposition: form-data\r\n\r\n1\r\n--b--", "cannot be read");
    check_flaw("--b\r\ncontent-disposition: file; name=a\r\n\r\n1\r\n--b--", "cannot be read");
    check_flaw("--b\r\ncontent-disposition: form-data; name=\"a\r\n\r\n", "cannot be read");
    check_flaw(&body(&[("name=a; name=b", "1")]), "has two names");
    check_flaw(&body(&[("name=a", "1"), ("name=b\r\n ; name=c", "1")]), "goes on in the next line");
    check_flaw("--b\r\nname\r\n\r\n", "without a colon");
    let twice = "content-disposition: form-data; name=a\r\n".repeat(2);
    check_flaw(&format!("--b\r\n{twice}\r\n1\r\n--b--"), "two content-disposition");
    check_flaw("--b\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--bc\r\n", "followed");
    check_flaw("--b-\r\n", "followed");
    check_flaw("--b\rx\r\n", "followed");
}

#[test]
fn limits_what_a_body_may_have() {
    let name = "n".repeat(MAX_NAME);
    check(&body(&[(&format!("name={name}"), "")]), &[(&name, false, "")]);
    check_flaw(&body(&[(&format!("name={name}n"), "")]), "over 256 bytes");
    let (_, end) = read(&[body(&[(&format!("x={}", "x".repeat(MAX_HEADERS)), "")]).as_bytes()]);
    assert!(end.unwrap_err().to_string().contains("over 16 KiB"));
    let (log, end) = read(&[body(&[("name=a", "1"); MAX_PARTS]).as_bytes()]);
    assert_eq!((log.parts.len(), end), (MAX_PARTS, Ok(())));
    let (log, end) = read(&[body(&[("name=a", "1"); MAX_PARTS + 1]).as_bytes()]);
    assert_eq!(log.parts.len(), MAX_PARTS);
    assert!(end.unwrap_err().to_string().contains("more than 1000 parts"));
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    let mut multipart = Multipart::new(TYPE).unwrap();
    multipart.push(b"--b\r\n", &mut Log::default()).unwrap();
    for _ in 0..100 {
        let _ = multipart.push(&[b'x'; 1000], &mut Log::default());
        assert!(multipart.line.len() <= MAX_HEADERS);
    }
    let first = multipart.push(b"x", &mut Log::default()).unwrap_err();
    assert_eq!(multipart.finish(), Err(first));
}

#[test]
fn finds_the_boundary_in_the_content_type() {
    let long = "b".repeat(MAX_BOUNDARY);
    for (content_type, boundary) in [
        ("multipart/form-data; boundary=b", "b"),
        ("Multipart/Form-Data; charset=utf-8; Boundary=\"a b:c\"", "a b:c"),
        (
            "multipart/form-data;boundary=----WebKitFormBoundaryx/'()+_,-.:=?",
            "----WebKitFormBoundaryx/'()+_,-.:=?",
        ),
        (&format!("multipart/form-data; boundary={long}"), &long),
    ] {
        let body = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--{boundary}--"
        );
        let (log, end) = every_way(body.as_bytes(), |pieces| read_as(content_type, pieces));
        assert_eq!((log.parts.len(), end), (1, Ok(())), "{content_type}");
    }
    for (content_type, what) in [
        ("", "is no form"),
        ("application/json; boundary=b", "is no form"),
        ("multipart/form-data", "names no boundary"),
        ("multipart/form-data; boundary=", "empty"),
        ("multipart/form-data; boundary=\"a\rb\"", "may not have"),
        ("multipart/form-data; boundary=\"b \"", "may not have"),
        ("multipart/form-data; boundary=é", "may not have"),
        ("multipart/form-data; boundary=\"b", "cut off"),
        ("multipart/form-data; boundary=a; boundary=b", "two boundaries"),
        (&format!("multipart/form-data; boundary={long}b"), "over 70"),
    ] {
        let flaw = Multipart::new(content_type).unwrap_err().to_string();
        assert!(flaw.contains(what) && flaw.contains(content_type), "{flaw}");
    }
}

proptest! {
    #[test]
    fn any_division_reads_the_same(
        bytes in words(&["\r\n", "--b", "\r\n--b", "\r", "\n", "-", "--", "b", "content-disposition: form-data; name=a\r\n\r\n", " ", "x"]),
        cuts in any_cuts(),
    ) {
        let bytes = [b"--b\r\ncontent-disposition: form-data; name=a\r\n\r\n", &bytes[..]].concat();
        prop_assert_eq!(read(&divide(&bytes, &cuts)), read(&[&bytes]));
    }

    #[test]
    fn what_a_client_wrote_is_what_is_read(
        parts in prop::collection::vec(("[a-z]{1,9}", any::<bool>(), "[\r\n-ac]{0,40}"), 0..6),
        cuts in any_cuts(),
    ) {
        let heads: Vec<_> = parts.iter().map(|(name, file, _)| {
            format!("name=\"{name}\"{}", if *file { "; filename=\"f\"" } else { "" })
        }).collect();
        let written: Vec<_> = heads.iter().zip(&parts).map(|(head, (_, _, text))| (&head[..], &text[..])).collect();
        let (log, end) = read(&divide(body(&written).as_bytes(), &cuts));
        prop_assert_eq!((log.parts, end), (parts, Ok(())));
    }
}
