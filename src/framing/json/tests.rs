//! What the scanner reports and refuses, whole and in pieces.
//! Compiled under `#[cfg(test)]` only.

use super::*;
use proptest::prelude::*;
use std::sync::LazyLock;

static TREE: LazyLock<Tree<&'static str>> = LazyLock::new(|| {
    Tree::new()
        .with("", "root", Want::Value)
        .with("model", "model", Want::Value)
        .with("usage", "usage", Want::Value)
        .with("usage.tokens", "tokens", Want::Value)
        .with("choices[]", "choice", Want::Value)
        .with("choices[].delta", "said", Want::Text)
        .with("choices[].delta.audio", "audio", Want::Nothing)
        .with("choices[].text", "text", Want::Characters)
        .anywhere(&["image_url"], "elsewhere")
});

/// What was reported, and how many bytes and characters were counted.
#[derive(Default)]
struct Log(Vec<String>, usize, usize);

impl Sink<&'static str> for Log {
    fn scalar(&mut self, tag: &'static str, value: Scalar<'_>, span: Range<u64>) {
        let value = match value {
            Scalar::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
            Scalar::Number(text) => String::from_utf8_lossy(text).into_owned(),
            other => format!("{other:?}"),
        };
        self.0.push(format!("{tag}={value}@{}..{}", span.start, span.end));
    }

    fn open(&mut self, tag: &'static str, container: Container, at: u64) {
        self.0.push(format!("{tag}:{container:?}@{at}"));
    }

    fn close(&mut self, tag: &'static str, end: u64) {
        self.0.push(format!("{tag} ends@{end}"));
    }

    fn text(&mut self, _: &'static str, more: Length) {
        self.1 += more.bytes;
        self.2 += more.characters;
    }

    fn key(&mut self, depth: usize, tag: Option<&'static str>, span: Range<u64>) {
        if depth == 1 {
            self.0.push(format!("key {tag:?}@{}..{}", span.start, span.end));
        }
    }

    fn comma(&mut self, depth: usize, at: u64) {
        if depth == 1 {
            self.0.push(format!("comma@{at}"));
        }
    }
}

type Scanned = (Vec<String>, (usize, usize), Result<(), Flaw>);

fn scan(pieces: &[&[u8]]) -> Scanned {
    let mut scanner = Scanner::new(&TREE);
    let mut log = Log::default();
    let mut at = 0;
    for piece in pieces {
        if let Err(flaw) = scanner.push(piece, at, &mut log) {
            return (log.0, (log.1, log.2), Err(flaw));
        }
        at += piece.len() as u64;
    }
    let end = scanner.finish(at, &mut log);
    (log.0, (log.1, log.2), end)
}

/// The report of the whole text, after comparing it with that of every split in two and of single
/// bytes.
fn check(text: &str) -> Scanned {
    let whole = scan(&[text.as_bytes()]);
    for cut in 0..=text.len() {
        let (a, b) = text.as_bytes().split_at(cut);
        assert_eq!(scan(&[a, b]), whole, "{text} split at {cut}");
    }
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(scan(&bytes), whole, "{text} byte by byte");
    whole
}

#[test]
fn reports_only_what_is_wanted() {
    let (log, said, end) = check(
        r#" {"usage":{"tokens":12,"x":{"tokens":1}},"a":[{"model":"no"}],"mod\u0065l":"a\ud83d\ude42\n",
        "choices":[{"delta":{"c":"ab\"c","audio":{"d":"zzzz"},"t":["d"]},"x":"no"},{}]}"#,
    );
    assert_eq!(end, Ok(()));
    let values: Vec<_> = log.iter().filter(|l| l.contains('=')).collect();
    assert_eq!(values, ["tokens=12@20..22", "model=\"a🙂\\n\"@75..92"]);
    assert_eq!(log.iter().filter(|l| l.starts_with("choice:")).count(), 2);
    assert_eq!(said, (r#"ab\"cd"#.len(), 0));
}

#[test]
fn counts_characters_however_they_are_written_and_cut() {
    for (text, bytes, characters) in [
        (r#""""#, 0, 0),
        (r#""hello""#, 5, 5),
        (r#""Grüße 🙂 日本""#, 19, 10),
        (r#""a\n\"\u00e9\\""#, 13, 5),
        (r#""\ud83d\ude42\ud83d\ude42""#, 24, 2),
        (r#""\ud83d\ud83d\ude42\ude42""#, 24, 3),
        (r#""\ud83d \ude42\n""#, 15, 4),
        (r#"["no",{"text":"no"}]"#, 0, 0),
        ("7", 0, 0),
        ("null", 0, 0),
    ] {
        let document =
            format!(r#"{{"text":"no","choices":[{{"text":{text},"x":"no","n":"\ud83d"}}]}}"#);
        let (log, counted, end) = check(&document);
        assert_eq!((counted, end), ((bytes, characters), Ok(())), "{document}");
        let reported = log.iter().filter(|l| l.starts_with("text")).count();
        let expected = match text.as_bytes()[0] {
            b'"' => 1,
            b'[' => 2,
            _ => 0,
        };
        assert_eq!(reported, expected, "{document}: {log:?}");
    }
}

#[test]
fn finds_keys_anywhere() {
    let (log, _, _) = check(r#"{"a":[{"b":{"image_url":{"url":"x"}}},{"image_url":null}]}"#);
    assert!(log.contains(&"elsewhere:Object@24".to_owned()), "{log:?}");
    assert!(log.iter().any(|l| l.starts_with("elsewhere=Null")), "{log:?}");
}

#[test]
fn accepts_json() {
    for text in [
        "0",
        "-0.5e+7",
        "[]",
        "{}",
        " [1,2.0,3E9] ",
        "\"\\u00e9\"",
        "true",
        "null",
        "[[],[{}]]",
        "{\"a\":{\"b\":[null,false]},\"c\":\"\"}\r\n",
    ] {
        assert_eq!(check(text).2, Ok(()), "{text}");
    }
}

#[test]
fn refuses_what_is_not_json() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "[1",
        "\"",
        "\"\\",
        "tru",
        "-",
        "1.",
        "1e",
        "{\"a\"",
        "{\"a\":",
        "{,}",
        "[,]",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "01",
        "+1",
        ".5",
        "1.e1",
        "NaN",
        "nul ",
        "nullx",
        "t rue",
        "'a'",
        "\"\\x\"",
        "\"\\u12g4\"",
        "[1 2]",
        "{\"a\":1 \"b\":2}",
        "]",
        "[}",
        "{]",
        "{}{}",
        "1 2",
        "[1]]",
    ] {
        assert!(check(text).2.is_err(), "{text}");
    }
    let flaw = check("{\"a\":1,}").2.unwrap_err().to_string();
    assert_eq!(flaw, "found `}` at byte 7, expected a key in quotes");
}

#[test]
fn limits_depth() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(scan(&[nested(MAX_DEPTH).as_bytes()]).2, Ok(()));
    let flaw = scan(&[nested(MAX_DEPTH + 1).as_bytes()]).2.unwrap_err();
    assert_eq!(flaw, Flaw { at: 512, kind: FlawKind::TooDeep });
}

#[test]
fn keeps_little_of_long_scalars() {
    let text = format!("{{\"model\":\"{}\",\"{}\":1}}", "m".repeat(10_000), "k".repeat(10_000));
    let (log, _, end) = scan(&text.as_bytes().chunks(7).collect::<Vec<_>>());
    assert_eq!(end, Ok(()));
    let model = log.iter().find(|l| l.starts_with("model=")).unwrap();
    assert_eq!(model.matches('m').count(), KEPT + 1);
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let key = prop_oneof!["(model|usage|tokens|choices|delta|audio|text|image_url)", ".{0,6}"];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,40}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| { serde_json::Value::Object(members.into_iter().collect()) }),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_serde_json(value in any_json(), pretty in any::<bool>(), cut in any::<prop::sample::Index>()) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assert_eq!(check(&text).2, Ok(()));
        // One byte less, or another byte: both agree whether that is JSON.
        let mut bytes = text.clone().into_bytes();
        bytes.truncate(cut.index(bytes.len() + 1));
        let ours = scan(&[&bytes]).2.is_ok();
        if std::str::from_utf8(&bytes).is_ok() {
            let theirs = serde_json::from_slice::<serde_json::Value>(&bytes).is_ok();
            prop_assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b','), Just(b':'), any::<u8>()], 0..80)) {
        let whole = scan(&[&bytes]);
        let pieces: Vec<&[u8]> = bytes.chunks(3).collect();
        prop_assert_eq!(scan(&pieces), whole);
    }
}
