//! The shipped table, provider by provider: names, and prices to the nano-dollar.

use farebox::clock::parse_time;
use farebox::pricing::{PriceTable, Terms};
use farebox::usage::{Figure, Usage};
use std::sync::LazyLock;

static BUILTIN: LazyLock<PriceTable> = LazyLock::new(|| PriceTable::builtin().unwrap());

#[test]
fn zz_time() {
    let text = include_str!("../../pricing.toml");
    let t = std::time::Instant::now();
    let v: toml::Table = toml::from_str(text).unwrap();
    println!("PARSE toml {:?} {}", t.elapsed(), v.len());
    let mut n = 0;
    let t = std::time::Instant::now();
    for line in text.lines() {
        if let Some(l) = line.strip_prefix("match = ") {
            for p in l.split('"').skip(1).step_by(2) {
                globset::GlobBuilder::new(p).build().unwrap().compile_matcher();
                n += 1;
            }
        }
    }
    println!("PARSE glob {:?} {n}", t.elapsed());
    let t = std::time::Instant::now();
    let _ = PriceTable::builtin().unwrap();
    println!("PARSE {:?} {}", t.elapsed(), BUILTIN.models().len());
}
