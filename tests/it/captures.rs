//! Every capture reads as it expects: whole, cut at every byte, cut as recorded, compressed.

use farebox::dialect::capture::Capture;
use serde_json::Value;
use std::path::Path;

fn check(name: &str, how: &str, expected: &Value, found: &Value) {
    for (key, value) in expected.as_object().unwrap() {
        let absent = found.get(key).is_none();
        let equal = match value {
            Value::Number(n) if absent => n.as_f64() == Some(0.0),
            Value::Number(n) => found[key].as_f64() == n.as_f64(),
            Value::Array(each) => {
                let pairs = each.iter().zip(found[key].as_array().unwrap());
                pairs.for_each(|(wanted, got)| check(name, how, wanted, got));
                Some(each.len()) == found[key].as_array().map(Vec::len)
            }
            value => found.get(key) == Some(value),
        };
        assert!(equal, "{name} {how}: {key} should be {value}, is {}\nin {found}", found[key],);
    }
}

fn check_all(name: &str, text: &str) {
    let expected = serde_json::from_str::<Value>(text).unwrap()["expect"].clone();
    let capture = Capture::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let recorded = capture.meter();
    check(name, "as recorded", &expected, &recorded);
    let length = capture.body().len();
    assert_eq!(capture.meter_split(&[]), recorded, "{name} whole");
    let bytes: Vec<usize> = (1..length).collect();
    assert_eq!(capture.meter_split(&bytes), recorded, "{name} byte by byte");
    for cut in 0..length.min(64 * 1024) {
        assert_eq!(capture.meter_split(&[cut]), recorded, "{name} cut at {cut}");
    }
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    let socket = text.contains("\"transport\": \"ws\"");
    if socket || has("wire_encoding") || has("content-encoding") {
        // Messages of a WebSocket are not compressed, and these are already.
        return;
    }
    let gzipped = capture.gzipped();
    let bytes: Vec<usize> = (1..gzipped.body().len()).collect();
    assert_eq!(gzipped.meter(), recorded, "{name} compressed");
    assert_eq!(gzipped.meter_split(&bytes), recorded, "{name} compressed, byte by byte");
}

#[test]
fn r001_captures_read_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 420, "only {} captures", files.len());
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        check_all(&name, &std::fs::read_to_string(&file).unwrap());
    }
}
