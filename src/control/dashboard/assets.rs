//! The files of the dashboard. They are in the binary; a debug build reads them from the source
//! tree, so that a change is seen without compiling.
//!
//! Invariant: `version` changes with every byte of every file; in a debug build, within a second.

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use moka::sync::Cache;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::io::Write;
use std::sync::LazyLock;
use std::time::Duration;

/// So many compressed files are kept; there are fewer.
const MOST: u64 = 200;

/// How long `version` is remembered. A page asks for sixty files at once, and a debug build reads
/// all of them to name the version.
const REMEMBERED: Duration = Duration::from_secs(1);

#[derive(RustEmbed)]
#[folder = "src/control/dashboard/assets"]
struct Embedded;

static GZIPPED: LazyLock<Cache<[u8; 32], Bytes>> = LazyLock::new(|| Cache::new(MOST));

static VERSION: LazyLock<Cache<(), String>> =
    LazyLock::new(|| Cache::builder().time_to_live(REMEMBERED).build());

/// One file.
pub(super) struct Asset {
    file: EmbeddedFile,
    kind: &'static str,
}

/// The file of that name, where there is one that browsers are given.
pub(super) fn find(name: &str) -> Option<Asset> {
    let kind = kind(name)?;
    Some(Asset { file: Embedded::get(name)?, kind })
}

/// 16 digits that name the content of all files.
pub(super) fn version() -> String {
    VERSION.get_with((), named)
}

fn named() -> String {
    let mut digest = Sha256::new();
    let mut names: Vec<Cow<'static, str>> = Embedded::iter().collect();
    names.sort_unstable();
    for name in names {
        digest.update(name.as_bytes());
        digest.update(
            Embedded::get(&name).map(|file| file.metadata.sha256_hash()).unwrap_or_default(),
        );
    }
    hex(&digest.finalize(), 8)
}

/// A page of HTML. It names the modules that every page needs and that of the address, so that a
/// browser asks for them at once and not one after the other.
pub(super) fn page(name: &str, path: &str, version: &str) -> Option<String> {
    let text = String::from_utf8(Embedded::get(name)?.data.into_owned()).ok()?;
    let own = own(path);
    let needed = |name: &str| {
        let (folder, file) = name.split_once('/').unwrap_or_default();
        let module = file.strip_suffix(".js");
        module.is_some_and(|module| match folder {
            "lib" | "components" => true,
            "pages" => module == own,
            // A page may have a folder of its own.
            _ => folder == own,
        })
    };
    let mut modules: Vec<String> = Embedded::iter()
        .filter(|name| needed(name))
        .map(|name| format!("<link rel=\"modulepreload\" href=\"/assets/{version}/{name}\">"))
        .collect();
    modules.sort_unstable();
    Some(text.replace("<!-- modules -->", &modules.join("\n")).replace("VERSION", version))
}

/// The name of the page at that address; perhaps there is none.
fn own(path: &str) -> &str {
    let mut parts = path.trim_matches('/').split('/');
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("", _) => "overview",
        ("users", Some(_)) => "user",
        (name, _) => name,
    }
}

impl Asset {
    /// Its media type.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Names its content.
    pub(super) fn tag(&self) -> String {
        hex(&self.file.metadata.sha256_hash(), 8)
    }

    /// As it is.
    pub(super) fn bytes(self) -> Bytes {
        match self.file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        }
    }

    /// Compressed, which is done once for each content.
    pub(super) fn gzipped(self) -> Bytes {
        let hash = self.file.metadata.sha256_hash();
        GZIPPED.get_with(hash, || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            // Writing to memory does not fail.
            let written = encoder.write_all(&self.file.data);
            Bytes::from(written.and_then(|()| encoder.finish()).unwrap_or_default())
        })
    }
}

fn kind(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

fn hex(bytes: &[u8], most: usize) -> String {
    bytes.iter().take(most).map(|byte| format!("{byte:02x}")).collect()
}
