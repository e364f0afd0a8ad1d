//! An append-only log of records in numbered segment files, each record framed with its length and
//! CRC. Knows nothing of what the records mean.
//!
//! `append` returns after `write`: what was appended survives this process, not the machine.
//! Invariants: sequence numbers rise. A record that is torn or damaged ends its segment;
//! what was read before it stands. A failed write leaves no half record behind, or is followed by
//! a new segment, so that it hides no later record.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"FBXLOG01";
const FRAME: usize = 16;
const LARGEST: usize = 4 << 20;

/// A record with its sequence number.
pub type Record = (u64, Vec<u8>);

/// The writing end of a log.
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    file: File,
    length: u64,
    segment_bytes: u64,
    next: u64,
    /// A half record may stand at the segment's end.
    torn: bool,
    /// First sequence numbers of all segments, ascending; the last is written to.
    segments: Vec<u64>,
    frame: Vec<u8>,
}

/// What a log's directory held when it was opened.
#[derive(Debug, Default)]
pub struct Contents {
    /// All records that can be read, in order.
    pub records: Vec<Record>,
    /// One sentence for each segment that did not end cleanly.
    pub damage: Vec<String>,
}

impl Log {
    /// Opens the log of a directory, reads what is there and goes on in a new segment whose
    /// sequence numbers are above all earlier ones and above `after`.
    pub fn open(dir: &Path, segment_bytes: u64, after: u64) -> io::Result<(Self, Contents)> {
        fs::create_dir_all(dir)?;
        let mut segments = list(dir)?;
        let contents = Self::read(dir)?;
        let last = contents.records.last().map_or(0, |(seq, _)| *seq);
        let newest = segments.last().copied().unwrap_or(0);
        let next = last.max(after).max(newest).saturating_add(1);
        let file = create(dir, next)?;
        segments.push(next);
        let length = u64::try_from(MAGIC.len()).unwrap_or_default();
        let frame = Vec::with_capacity(4096);
        let dir = dir.to_owned();
        let torn = false;
        Ok((Self { dir, file, length, segment_bytes, next, torn, segments, frame }, contents))
    }

    /// Reads the log of a directory without writing to it.
    pub fn read(dir: &Path) -> io::Result<Contents> {
        let mut contents = Contents::default();
        for first in list(dir)? {
            read_segment(&path(dir, first), &mut contents)?;
        }
        Ok(contents)
    }

    /// Appends one record; gives its sequence number.
    pub fn append(&mut self, payload: &[u8]) -> io::Result<u64> {
        if payload.len() > LARGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the record is too large"));
        }
        if self.torn || self.length >= self.segment_bytes {
            self.rotate()?;
        }
        let seq = self.next;
        self.frame.clear();
        frame(&mut self.frame, seq, payload);
        if let Err(error) = self.file.write_all(&self.frame) {
            self.torn = self.file.set_len(self.length).is_err();
            return Err(error);
        }
        let written = u64::try_from(self.frame.len()).unwrap_or_default();
        self.length = self.length.saturating_add(written);
        self.next = seq.saturating_add(1);
        Ok(seq)
    }

    /// Deletes the segments all of whose records are at or below `seq`, but never the one being
    /// written.
    pub fn forget(&mut self, seq: u64) -> io::Result<()> {
        while let [first, second, ..] = self.segments.as_slice() {
            if *second > seq.saturating_add(1) {
                break;
            }
            fs::remove_file(path(&self.dir, *first))?;
            self.segments.remove(0);
        }
        Ok(())
    }

    /// Begins a new segment.
    pub fn rotate(&mut self) -> io::Result<()> {
        let mut first = self.next;
        if self.segments.last() == Some(&first) {
            if !self.torn {
                return Ok(());
            }
            // A segment is named by its first record; this one has none, so a number is left out.
            first = first.saturating_add(1);
        }
        self.file = create(&self.dir, first)?;
        self.length = u64::try_from(MAGIC.len()).unwrap_or_default();
        self.segments.push(first);
        (self.next, self.torn) = (first, false);
        Ok(())
    }

    /// The sequence number of the last record.
    pub fn last(&self) -> u64 {
        self.next.saturating_sub(1)
    }
}

fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.log"))
}

fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log"));
        firsts.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

fn create(dir: &Path, first: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create(true).open(path(dir, first))?;
    file.set_len(0)?;
    file.write_all(MAGIC)?;
    Ok(file)
}

fn frame(into: &mut Vec<u8>, seq: u64, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(&checksum(seq, payload).to_le_bytes());
    into.extend_from_slice(&seq.to_le_bytes());
    into.extend_from_slice(payload);
}

fn checksum(seq: u64, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&seq.to_le_bytes());
    crc.update(payload);
    crc.finalize()
}

fn read_segment(path: &Path, contents: &mut Contents) -> io::Result<()> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        if !MAGIC.starts_with(&bytes) {
            contents.damage.push(format!("{} is not a log of ours", path.display()));
        }
        return Ok(());
    };
    while !rest.is_empty() {
        let Some((record, tail)) = read_record(rest) else {
            let at = bytes.len().saturating_sub(rest.len());
            contents.damage.push(format!("{} ends torn at byte {at}", path.display()));
            return Ok(());
        };
        contents.records.push(record);
        rest = tail;
    }
    Ok(())
}

fn read_record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (head, rest) = bytes.split_at_checked(FRAME)?;
    let length = u32::from_le_bytes(head.get(..4)?.try_into().ok()?);
    let crc = u32::from_le_bytes(head.get(4..8)?.try_into().ok()?);
    let seq = u64::from_le_bytes(head.get(8..)?.try_into().ok()?);
    let (payload, tail) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    (checksum(seq, payload) == crc).then(|| ((seq, payload.to_vec()), tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(contents: &Contents) -> Vec<&str> {
        contents.records.iter().map(|(_, p)| std::str::from_utf8(p).unwrap()).collect()
    }

    #[test]
    fn r034_what_was_appended_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(dir.path(), 1 << 20, 0).unwrap();
        assert_eq!((log.append(b"a").unwrap(), log.append(b"b").unwrap()), (1, 2));
        let (mut log, contents) = Log::open(dir.path(), 1 << 20, 0).unwrap();
        assert_eq!(texts(&contents), ["a", "b"]);
        assert!(contents.damage.is_empty());
        assert_eq!(log.append(b"c").unwrap(), 3);
    }

    #[test]
    fn a_torn_tail_at_any_byte_loses_only_its_own_record() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(dir.path(), 1 << 20, 0).unwrap();
        log.append(b"first").unwrap();
        let kept = fs::metadata(path(dir.path(), 1)).unwrap().len();
        log.append(b"second").unwrap();
        let whole = fs::read(path(dir.path(), 1)).unwrap();
        for cut in kept..u64::try_from(whole.len()).unwrap() {
            let copy = tempfile::tempdir().unwrap();
            let cut = usize::try_from(cut).unwrap();
            fs::write(path(copy.path(), 1), &whole[..cut]).unwrap();
            let (mut log, contents) = Log::open(copy.path(), 1 << 20, 0).unwrap();
            assert_eq!(texts(&contents), ["first"], "cut at {cut}");
            log.append(b"third").unwrap();
            let (_, contents) = Log::open(copy.path(), 1 << 20, 0).unwrap();
            assert_eq!(texts(&contents), ["first", "third"], "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(dir.path(), 1 << 20, 0).unwrap();
        log.append(b"first").unwrap();
        log.append(b"second").unwrap();
        let mut bytes = fs::read(path(dir.path(), 1)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path(dir.path(), 1), bytes).unwrap();
        let (_, contents) = Log::open(dir.path(), 1 << 20, 0).unwrap();
        assert_eq!(texts(&contents), ["first"]);
        assert_eq!(contents.damage.len(), 1);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_half_record_that_cannot_be_taken_back_hides_none_of_the_later_ones() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(dir.path(), 1 << 20, 0).unwrap();
        let full = || OpenOptions::new().append(true).open("/dev/full").unwrap();
        for (before, after) in [(None, "a"), (Some("b"), "c")] {
            before.iter().for_each(|text: &&str| {
                log.append(text.as_bytes()).unwrap();
            });
            log.file.write_all(b"half a record").unwrap();
            log.file = full();
            log.append(b"lost").unwrap_err();
            log.append(after.as_bytes()).unwrap();
        }
        let (_, contents) = Log::open(dir.path(), 1 << 20, 0).unwrap();
        assert_eq!(texts(&contents), ["a", "b", "c"]);
        let rises = contents.records.is_sorted_by_key(|(seq, _)| *seq);
        assert!(rises && contents.damage.len() == 2, "{:?}", contents.damage);
    }

    #[test]
    fn segments_are_bounded_and_forgotten_when_covered() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = Log::open(dir.path(), 64, 0).unwrap();
        for _ in 0..20 {
            log.append(&[7; 40]).unwrap();
        }
        assert!(list(dir.path()).unwrap().len() >= 10);
        log.forget(19).unwrap();
        let (_, contents) = Log::open(dir.path(), 64, 0).unwrap();
        assert_eq!(contents.records.last().unwrap().0, 20);
        assert!(contents.records.len() <= 2);
    }
}
