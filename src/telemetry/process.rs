//! What the system says of this process, under the names that Prometheus' own clients use.
//!
//! Read from `/proc` when asked for. What cannot be read is left out, never shown as 0.

use super::names;
use std::fs;

/// How `/proc` counts processor time; Linux has shown hundredths to programs since 2.6.
const TICKS_PER_SECOND: f64 = 100.0;

/// The figures of this moment.
pub(super) fn figures() -> Vec<(&'static str, f64)> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (status, stat) = (read("/proc/self/status"), read("/proc/self/stat"));
    let found = [
        (names::PROCESS_CPU, cpu_seconds(&stat)),
        (names::PROCESS_RESIDENT, kibibytes(&status, "VmRSS:")),
        (names::PROCESS_VIRTUAL, kibibytes(&status, "VmSize:")),
        (names::PROCESS_START, start(&stat, &read("/proc/stat"))),
        (names::PROCESS_FDS, open_files()),
        (names::PROCESS_MAX_FDS, word(&read("/proc/self/limits"), "Max open files")),
        (names::PROCESS_THREADS, word(&status, "Threads:")),
    ];
    found.into_iter().filter_map(|(name, figure)| Some((name, figure?))).collect()
}

/// The number behind the beginning of a line.
fn word(text: &str, line: &str) -> Option<f64> {
    let rest = text.lines().find_map(|found| found.strip_prefix(line))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn kibibytes(status: &str, line: &str) -> Option<f64> {
    Some(word(status, line)? * 1024.0)
}

/// A field of `/proc/self/stat`, counted from the one behind the program's name. The name may
/// contain spaces and brackets.
fn ticks(stat: &str, at: usize) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(at)?.parse().ok()
}

/// Of this process, in user and kernel mode.
fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((ticks(stat, 11)? + ticks(stat, 12)?) / TICKS_PER_SECOND)
}

fn start(stat: &str, system: &str) -> Option<f64> {
    Some(word(system, "btime")? + ticks(stat, 19)? / TICKS_PER_SECOND)
}

/// Not counting the one that is open because of the question.
fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    u32::try_from(count).ok().map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let fields: Vec<String> = (0..40).map(|n| (n * 100).to_string()).collect();
        let stat = format!("77 (fare ) box) {}", fields.join(" "));
        assert_eq!(cpu_seconds(&stat), Some(23.0));
        assert_eq!(start(&stat, "cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_019.0));
        assert_eq!(start(&stat, ""), None);
    }

    #[test]
    fn lines_are_found_by_their_beginning() {
        let status = "Name:\tfarebox\nVmRSS:\t   2048 kB\nThreads:\t9\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(2_097_152.0));
        assert_eq!(word(status, "Threads:"), Some(9.0));
        assert_eq!(word("Max open files   1024  4096 files", "Max open files"), Some(1024.0));
        assert_eq!(word("Max open files   unlimited", "Max open files"), None);
    }
}
