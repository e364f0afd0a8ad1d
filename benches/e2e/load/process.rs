//! What a process and its children used, from `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// Clock ticks in a second, the same on every Linux that matters.
const TICKS: u64 = 100;

/// A process with its children.
pub struct Process {
    pid: u32,
}

/// Resident memory in KiB.
#[derive(Debug, Default)]
pub struct Memory {
    /// Now.
    pub now: u64,
    /// At its highest.
    pub peak: u64,
}

impl Process {
    /// The process with this id.
    pub fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// CPU time in user and system mode so far.
    pub fn cpu(&self) -> io::Result<Duration> {
        let mut ticks = 0;
        for pid in self.all()? {
            let fields = stat(pid)?;
            let field = |at: usize| fields.get(at).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
            ticks += field(11) + field(12);
        }
        Ok(Duration::from_millis(ticks * 1000 / TICKS))
    }

    /// Resident memory.
    pub fn memory(&self) -> io::Result<Memory> {
        let mut sum = Memory::default();
        for pid in self.all()? {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let kib = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name));
                line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0)
            };
            sum.now += kib("VmRSS:");
            sum.peak += kib("VmHWM:");
        }
        Ok(sum)
    }

    fn all(&self) -> io::Result<Vec<u32>> {
        stat(self.pid)?;
        let mut all = vec![self.pid];
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            let parent = stat(pid).ok().and_then(|fields| fields.get(1)?.parse::<u32>().ok());
            if parent == Some(self.pid) {
                all.push(pid);
            }
        }
        Ok(all)
    }
}

/// The fields of `/proc/PID/stat` after the command's name; the first is the state.
fn stat(pid: u32) -> io::Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    Ok(rest.split_whitespace().map(str::to_owned).collect())
}
