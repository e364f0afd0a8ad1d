//! Files and limits of this machine: the data directory, its disk, what the journal put aside, and
//! how many files may be open.

use super::finding::{Finding, Group};
use crate::config::Config;
use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

const GROUP: Group = Group::Machine;
const MIB: u64 = 1 << 20;
const FEW_MIB: u64 = 1_024;
const TOO_FEW_MIB: u64 = 64;
/// Files that are open beside those of connections.
const BESIDE: u64 = 128;

/// All of it.
pub(super) fn check(config: &Config) -> Vec<Finding> {
    let dir = &config.data_dir;
    let near = nearest(dir);
    let mut findings = vec![writable(dir, &near)];
    findings.extend(disk(&near));
    findings.extend(put_aside(&dir.join("journal")));
    findings.push(files(config.server.connections));
    findings
}

/// The directory, or the nearest one above that exists.
fn nearest(dir: &Path) -> PathBuf {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    whole.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

fn writable(dir: &Path, near: &Path) -> Finding {
    let name = dir.display();
    let hint = "mend its owner or mode, or set ledger.data_dir (--data-dir)";
    if dir.exists() && !dir.is_dir() {
        return GROUP.failed("data_dir", format!("{name} is not a directory"), hint);
    }
    match access(near, Access::WRITE_OK | Access::EXEC_OK) {
        Err(why) => {
            let detail = format!("{} cannot be written: {why}", near.display());
            GROUP.failed("data_dir", detail, hint)
        }
        Ok(()) if dir.exists() => GROUP.ok("data_dir", format!("{name} can be written")),
        Ok(()) => GROUP.ok("data_dir", format!("{name} is made at the first start")),
    }
}

fn disk(near: &Path) -> Option<Finding> {
    let found = statvfs(near).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize).div_euclid(MIB);
    let detail = format!("{free} MiB are free at {}", near.display());
    let hint = "where ledger and journal cannot be written, no call is admitted";
    Some(match free {
        ..TOO_FEW_MIB => GROUP.failed("disk", detail, hint),
        TOO_FEW_MIB..FEW_MIB => GROUP.warning("disk", detail, hint),
        _ => GROUP.ok("disk", detail),
    })
}

/// Settlements that the journal could not deliver.
fn put_aside(journal: &Path) -> Vec<Finding> {
    let count = |file: &str| {
        let file = std::fs::File::open(journal.join(file)).ok()?;
        Some(BufReader::new(file).lines().count()).filter(|count| *count > 0)
    };
    let refused = count("refused.jsonl").map(|count| {
        let detail = format!("redis refused {count} settlements; they are in refused.jsonl");
        let hint = "see the log for the reason; the next start tries them again";
        GROUP.warning("refused", detail, hint)
    });
    let unapplied = count("unapplied.jsonl").map(|count| {
        let detail = format!("{count} settlements are not charged; they are in unapplied.jsonl");
        let hint = "they were too old to be delivered unseen: farebox ledger replay --dry-run";
        GROUP.failed("unapplied", detail, hint)
    });
    refused.into_iter().chain(unapplied).collect()
}

/// Each connection of a client comes with one to a provider.
fn files(connections: usize) -> Finding {
    let limit = getrlimit(Resource::Nofile).current;
    let wanted = u64::try_from(connections).unwrap_or(u64::MAX);
    let wanted = wanted.saturating_mul(2).saturating_add(BESIDE);
    match limit {
        Some(limit) if limit < wanted => {
            let detail = format!("{limit} files may be open here, {wanted} are needed at the most");
            let hint = format!(
                "raise it (ulimit -n {wanted}; LimitNOFILE={wanted} in a unit), or lower \
                 server.max_connections"
            );
            GROUP.warning("files", detail, hint)
        }
        Some(limit) => GROUP.ok("files", format!("{limit} files may be open")),
        None => GROUP.ok("files", "any number of files may be open"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    #[test]
    fn what_the_journal_put_aside_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(put_aside(dir.path()), []);
        std::fs::write(dir.path().join("refused.jsonl"), "{}\n").unwrap();
        std::fs::write(dir.path().join("unapplied.jsonl"), "{}\n{}\n").unwrap();
        let found = put_aside(dir.path());
        let found: Vec<_> = found.iter().map(|one| (one.name, one.status)).collect();
        assert_eq!(found, [("refused", Status::Warning), ("unapplied", Status::Failed)]);
    }

    #[test]
    fn a_directory_that_is_not_there_yet_is_fine() {
        let dir = tempfile::tempdir().unwrap();
        let check = |path: &Path| writable(path, &nearest(path)).status;
        assert_eq!(check(&dir.path().join("a/b")), Status::Ok);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(check(&file), Status::Failed);
        assert_eq!(files(usize::MAX).status, Status::Warning);
    }
}
