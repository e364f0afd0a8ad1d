//! The gates of the house: what may import what, how long functions and files may be, and what
//! must not stand in the source. A gate is mended by mending the code, never by loosening it.

use farebox::telemetry::names::{ALL, COST_NANOUSD, COST_USD};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 500;
const MEDIAN_LINES: usize = 150;

/// Modules that everyone may import.
const LEAVES: &[&str] = &["money", "usage", "ids", "clock", "secret"];

/// Which other modules of the crate a module may import, besides the leaves and itself.
const IMPORTS: &[(&str, &[&str])] = &[
    ("money", &[]),
    ("usage", &[]),
    ("ids", &[]),
    ("clock", &[]),
    ("secret", &[]),
    ("limit", &[]),
    ("framing", &[]),
    ("dialect", &["framing"]),
    ("pricing", &[]),
    ("ledger", &["limit", "telemetry::names"]),
    ("event", &["telemetry::names"]),
    ("provider", &["limit", "dialect", "ledger"]),
    (
        "proxy",
        &["limit", "framing", "dialect", "pricing", "ledger", "provider", "telemetry::names"],
    ),
    ("alert", &["limit", "ledger", "telemetry::names"]),
    ("history", &["limit", "ledger", "telemetry::names"]),
    (
        "control",
        &[
            "alert",
            "limit",
            "framing",
            "dialect",
            "pricing",
            "ledger",
            "provider",
            "event",
            "history",
            "config",
            "serve",
            "telemetry",
        ],
    ),
    ("serve", &["telemetry::names"]),
    ("telemetry", &[]),
    ("config", &["limit", "pricing", "provider", "ledger", "alert"]),
    ("app", &["*"]),
    ("cli", &["*"]),
    ("demo", &["*"]),
    ("main", &["*"]),
    ("lib", &["*"]),
];

/// Of the ledger, the data path sees this and nothing of its administration.
const LEDGER_FOR_PROXY: &[&str] = &[
    "Admission",
    "Extension",
    "OnceKey",
    "Amounts",
    "AttemptAdmission",
    "AttemptOrder",
    "AttemptOutcome",
    "BoxFuture",
    "CallFacts",
    "Caller",
    "Denial",
    "Ending",
    "HoldOrder",
    "Ledger",
    "LimitDenial",
    "News",
    "Payers",
    "Permit",
    "Seen",
    "Settlement",
    "Standing",
    "Tried",
    "Tries",
    "Unavailable",
    "UsageEvent",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A source file: its module, and its lines without what belongs to tests.
struct Source {
    path: PathBuf,
    module: String,
    lines: Vec<String>,
    text: String,
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let below = path.strip_prefix(&src).unwrap();
        let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = first.trim_end_matches(".rs").to_owned();
        let shown = text.split("#[cfg(test)]").next().unwrap();
        let lines = shown.lines().map(str::to_owned).collect();
        Source { path, module, lines, text }
    };
    files_below(&src, "rs").into_iter().map(read).collect()
}

fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// `crate::a::b::C` names on a line, also of grouped imports that were joined to one line.
fn crate_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if at > 0 && code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
            .unwrap_or(rest.len());
        let head = &rest[..end];
        if head.ends_with("::") && rest[end..].starts_with('{') {
            let close = rest[end..].find('}').map_or(rest.len(), |c| end + c);
            for name in rest[end + 1..close].split(',') {
                let name = name.split_whitespace().next().unwrap_or("");
                if !name.is_empty() {
                    paths.push(format!("{head}{name}"));
                }
            }
        } else {
            paths.push(head.trim_end_matches(':').to_owned());
        }
    }
    paths
}

#[test]
fn modules_import_only_what_the_design_allows() {
    let mut defects = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = IMPORTS.iter().find(|(module, _)| *module == source.module) else {
            defects.push(format!(
                "{}: module `{}` is not in the table",
                source.path.display(),
                source.module
            ));
            continue;
        };
        let code: String = source
            .lines
            .iter()
            .map(|line| line.trim())
            .filter(|line| !line.starts_with("//"))
            .collect::<Vec<_>>()
            .join(" ");
        for path in crate_paths(&code) {
            let module = path.split("::").next().unwrap();
            let listed = |entry: &str| {
                entry == "*"
                    || entry == module
                    || path == entry
                    || path.starts_with(&format!("{entry}::"))
            };
            let fits = module == source.module
                || LEAVES.contains(&module)
                || allowed.iter().any(|e| listed(e));
            if !fits {
                defects.push(format!("{}: crate::{path}", source.path.display()));
            }
            if source.module == "proxy" && module == "ledger" {
                let name = path.split("::").nth(1).unwrap_or("");
                if !LEDGER_FOR_PROXY.contains(&name) {
                    defects.push(format!(
                        "{}: crate::{path} is administration",
                        source.path.display()
                    ));
                }
            }
        }
    }
    assert_none("imports that DESIGN.md does not list", &defects);
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for source in sources() {
        let mut open: Option<(usize, usize, String)> = None;
        for (number, line) in source.lines.iter().enumerate() {
            let trimmed = line.trim_start();
            let indent = line.len() - trimmed.len();
            let is_fn =
                ["fn ", "pub fn ", "async fn ", "pub async fn ", "const fn ", "pub const fn "]
                    .iter()
                    .any(|head| trimmed.starts_with(head))
                    || (trimmed.starts_with("pub(") && trimmed.contains(" fn "));
            if is_fn && open.is_none() {
                open = Some((number, indent, trimmed.to_owned()));
            }
            if let Some((start, at, head)) = &open {
                let ends = (trimmed == "}" && indent == *at)
                    || (number == *start && trimmed.ends_with(['}', ';']));
                if ends {
                    let length = number - start + 1;
                    if length > FUNCTION_LINES {
                        long.push(format!(
                            "{}:{}: {length} lines: {head}",
                            source.path.display(),
                            start + 1
                        ));
                    }
                    open = None;
                }
            }
        }
    }
    assert_none("functions over 70 lines", &long);
}

#[test]
fn files_have_one_subject() {
    let mut long = Vec::new();
    let mut lengths: Vec<usize> = Vec::new();
    for source in sources() {
        let length = source.text.lines().count();
        lengths.push(length);
        if length > FILE_LINES {
            long.push(format!("{}: {length} lines", source.path.display()));
        }
    }
    for path in files_below(&root().join("src"), "lua") {
        let length = fs::read_to_string(&path).unwrap().lines().count();
        if length > FILE_LINES {
            long.push(format!("{}: {length} lines", path.display()));
        }
    }
    assert_none("files over 500 lines", &long);
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= MEDIAN_LINES, "the median file has {median} lines");
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = sources()
        .iter()
        .filter(|s| !s.text.starts_with("//!"))
        .map(|s| s.path.display().to_string())
        .collect();
    assert_none("files that do not begin with //!", &silent);
}

#[test]
fn nothing_is_left_over_and_nothing_panics() {
    let banned = [
        ".unwrap()",
        ".expect(",
        "panic!(",
        "unreachable!(",
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        "TODO",
        "FIXME",
        "XXX",
        "unsafe ",
    ];
    let mut found = Vec::new();
    for source in sources() {
        for (number, line) in source.lines.iter().enumerate() {
            for word in banned.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{}:{}: {word}", source.path.display(), number + 1));
            }
        }
    }
    assert_none("words that must not stand in the source", &found);
}

#[test]
fn only_the_clock_asks_for_the_time() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|s| s.module != "clock") {
        for (number, line) in source.lines.iter().enumerate() {
            if ["SystemTime::now", "Timestamp::now", "Zoned::now", "Instant::now"]
                .iter()
                .any(|w| line.contains(w))
            {
                found.push(format!("{}:{}", source.path.display(), number + 1));
            }
        }
    }
    assert_none("places that ask for the time", &found);
}

#[test]
fn only_refusals_choose_a_status_code_for_a_client() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|s| s.module == "proxy") {
        if source.path.ends_with("refusal.rs") {
            continue;
        }
        for (number, line) in source.lines.iter().enumerate() {
            let builds = [
                "StatusCode::BAD",
                "StatusCode::TOO_MANY",
                "StatusCode::SERVICE",
                "StatusCode::INTERNAL",
                "StatusCode::NOT_FOUND",
            ];
            if builds.iter().any(|w| line.contains(w)) {
                found.push(format!("{}:{}", source.path.display(), number + 1));
            }
        }
    }
    assert_none("status codes outside refusal.rs", &found);
}

#[test]
fn r015_r016_money_in_redis_is_never_read_modified_and_written() {
    let mut found = Vec::new();
    for path in files_below(&root().join("src"), "lua") {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("--").next().unwrap();
            if code.contains("INCRBYFLOAT") || code.contains("tostring(") {
                found.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    assert_none("float arithmetic or number formatting in a money script", &found);
}

/// The columns of a table's rows, with the first one that names a metric.
fn documented_metrics() -> Vec<[String; 3]> {
    let text = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let columns = |line: &str| {
        let mut columns = line.split('|').skip(1).map(|column| column.trim().replace('`', ""));
        [(); 3].map(|()| columns.next().unwrap_or_default())
    };
    rows.map(columns).collect()
}

#[test]
fn every_metric_is_counted_somewhere_and_documented() {
    let sources = sources();
    let names = sources.iter().find(|s| s.path.ends_with("telemetry/names.rs")).unwrap();
    let mut defects = Vec::new();
    for line in &names.lines {
        let Some(rest) = line.strip_prefix("pub const ") else { continue };
        let Some((constant, _)) = rest.split_once(": &str") else { continue };
        let used = |source: &&Source| {
            let word = format!("names::{constant}");
            let whole = |after: &str| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let lines = &source.lines;
            lines.iter().any(|line| line.split(&word).skip(1).any(whole))
        };
        if !sources.iter().any(|s| used(&s)) {
            defects.push(format!("names::{constant} is never counted"));
        }
    }
    for source in sources.iter() {
        let literal = ["counter!(\"", "gauge!(\"", "histogram!(\""];
        if source.lines.iter().any(|line| literal.iter().any(|word| line.contains(word))) {
            defects.push(format!("{}: a metric that is not in names.rs", source.path.display()));
        }
    }
    let shown = |name: &str| if name == COST_NANOUSD { COST_USD } else { name }.to_owned();
    let mut declared: Vec<_> = ALL
        .iter()
        .map(|m| [shown(m.name), m.kind.as_str().to_owned(), m.labels.join(", ")])
        .collect();
    let mut documented = documented_metrics();
    declared.sort();
    documented.sort();
    assert_none("metrics", &defects);
    assert_eq!(documented, declared, "docs/metrics.md and names.rs");
}

#[test]
fn the_names_of_the_lexicon_are_used() {
    let banned: BTreeSet<&str> = [
        "manager", "handler", "context", "session", "util", "utils", "helper", "helpers", "info",
        "data", "common",
    ]
    .into();
    let found: Vec<String> = sources()
        .iter()
        .filter(|s| s.path.file_stem().is_some_and(|stem| banned.contains(stem.to_str().unwrap())))
        .map(|s| s.path.display().to_string())
        .collect();
    assert_none("files with a name that says nothing", &found);
}

#[test]
fn every_known_provider_is_documented() {
    let text = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    for known in farebox::provider::KNOWN {
        let stops = if known.cancel_stops_billing { "yes" } else { "no" };
        let row = format!(
            "| `{}` | `{}` | `{}` | `{}` | {stops} |",
            known.name,
            known.dialect.name(),
            known.variable,
            known.base_url
        );
        assert!(text.contains(&row), "docs/configuration.md lacks {row}");
    }
}

#[test]
fn every_refusal_is_documented() {
    let sources = sources();
    let refusals = sources.iter().find(|s| s.path.ends_with("proxy/refusal.rs")).unwrap();
    let page = fs::read_to_string(root().join("docs/data-plane.md")).unwrap();
    let code = refusals.lines.join("\n");
    let words = code.split('"').skip(1).step_by(2);
    let is_code = |word: &&str| {
        word.contains('_') && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    };
    // Fields of the machine-readable part, which the page shows in its example.
    let named = |word: &&str| {
        !page.contains(&format!("`{word}`")) && !page.contains(&format!("\"{word}\""))
    };
    let missing: Vec<String> = words.filter(is_code).filter(named).map(str::to_owned).collect();
    assert_none("refusals that docs/data-plane.md does not name", &missing);
}

/// The table of refusals in `docs/data-plane.md` says which words are codes.
#[test]
fn r134_every_refusal_has_its_cause_and_way_out() {
    let page = fs::read_to_string(root().join("docs/data-plane.md")).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| case | status"));
    let codes: Vec<String> = rows
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .filter_map(|row| Some(row.split('|').nth(4)?.trim().trim_matches('`').to_owned()))
        .collect();
    assert!(codes.len() > 20, "the table of refusals was not found");
    let catalogue = fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let missing: Vec<String> =
        codes.into_iter().filter(|code| !catalogue.contains(&format!("\n| `{code}` | "))).collect();
    assert_none("refusals that docs/errors.md does not explain", &missing);
}
