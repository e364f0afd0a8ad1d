//! Files of prices: a wheel as pip downloads it, or what is in it. Nothing in them is run.
//!
//! Invariant: nothing larger than [`LARGEST`] is read into memory, whatever a file says of itself.

use crate::cli::{Exit, Failure};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The most that is read of prices, in bytes; the largest today has 3.5 million.
const LARGEST: u64 = 64 << 20;

/// The largest file that is looked into: LiteLLM's wheel has 44 million bytes.
const LARGEST_FILE: u64 = 512 << 20;

/// A text of prices, and where it is from.
#[derive(Debug)]
pub struct SourceFile {
    /// The prices.
    pub text: String,
    /// The version, where the file is a wheel.
    pub version: Option<String>,
    /// The file's name.
    pub file: String,
    /// The SHA-256 of the whole file.
    pub sha256: String,
}

/// Reads `member` of a wheel, or a plain file.
pub fn read(path: &Path, member: &str) -> Result<SourceFile, Failure> {
    let name = path.display();
    let wrong = |why: String| Failure::new(Exit::Usage, format!("{name}: {why}"));
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (length, mut file) =
        opened.map_err(|e| Failure::new(Exit::NotFound, format!("cannot read {name}: {e}")))?;
    if length > LARGEST_FILE {
        return Err(wrong(format!("{length} bytes are too many; at most {LARGEST_FILE} are read")));
    }
    let mut head = [0; 4];
    let wheel = file.read_exact(&mut head).is_ok() && head == *b"PK\x03\x04";
    let read = |e: io::Error| wrong(format!("cannot be read: {e}"));
    file.seek(SeekFrom::Start(0)).map_err(read)?;
    let sha256 = digest(&mut file).map_err(read)?;
    file.seek(SeekFrom::Start(0)).map_err(read)?;
    let (text, version) = match wheel {
        true => from_wheel(file, member).map_err(wrong)?,
        false => (bounded(file).map_err(wrong)?, None),
    };
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(SourceFile { text, version, file: file.unwrap_or_default(), sha256 })
}

fn from_wheel(file: File, member: &str) -> Result<(String, Option<String>), String> {
    let mut wheel = zip::ZipArchive::new(file).map_err(|e| format!("is no whole wheel: {e}"))?;
    let version = wheel.file_names().filter_map(Result::ok).find_map(|name| version_of(&name));
    let found = wheel.by_name(member);
    let found = found.map_err(|e| format!("`{member}` cannot be read in the wheel: {e}"))?;
    Ok((bounded(found).map_err(|e| format!("`{member}` {e}"))?, version))
}

/// `0.2.3` of `genai_prices-0.2.3.dist-info/METADATA`.
fn version_of(name: &str) -> Option<String> {
    let (folder, file) = name.split_once('/')?;
    let (_, version) = folder.strip_suffix(".dist-info")?.split_once('-')?;
    (file == "METADATA").then(|| version.to_owned())
}

fn bounded(from: impl Read) -> Result<String, String> {
    let mut text = String::new();
    let read = from.take(LARGEST.saturating_add(1)).read_to_string(&mut text);
    let read = read.map_err(|e| format!("cannot be read: {e}"))?;
    match u64::try_from(read) {
        Ok(read) if read <= LARGEST => Ok(text),
        _ => Err(format!("has more than {LARGEST} bytes of prices")),
    }
}

fn digest(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
