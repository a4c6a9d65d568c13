//! What the kernel says about a running process.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Gid, Uid};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The processor time that all threads of a process have used, kernel time on their behalf
/// included.
///
/// In nanoseconds where the kernel counts them (`schedstat`), else in clock ticks of 10 ms. The
/// time of threads that have ended is lost in the first case.
///
/// # Errors
///
/// If there is no such process.
pub fn processor_time(pid: u32) -> io::Result<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
            return ticks(pid);
        };
        total += Duration::from_nanos(number(text.split(' ').next())?);
    }
    Ok(total)
}

fn ticks(pid: u32) -> io::Result<Duration> {
    const MILLIS_PER_TICK: u64 = 10;
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold blanks; the fields after it don't. `utime` is the 14th of
    // all, `stime` the next.
    let (_, fields) = text.rsplit_once(") ").ok_or(io::ErrorKind::InvalidData)?;
    let mut fields = fields.split(' ').skip(11);
    let sum = number(fields.next())? + number(fields.next())?;
    Ok(Duration::from_millis(sum * MILLIS_PER_TICK))
}

/// The bytes of anonymous memory that a process has resident: its heap, stacks and private maps,
/// without files.
///
/// # Errors
///
/// If there is no such process.
pub fn anonymous_bytes(pid: u32) -> io::Result<u64> {
    status_bytes(pid, "RssAnon:")
}

/// The bytes that a process has resident, those of files included.
///
/// # Errors
///
/// If there is no such process.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    status_bytes(pid, "VmRSS:")
}

/// The most bytes, those of files included, that a process has had resident since its start or
/// since [`forget_peak`].
///
/// # Errors
///
/// If there is no such process.
pub fn peak_bytes(pid: u32) -> io::Result<u64> {
    status_bytes(pid, "VmHWM:")
}

/// Makes what a process has resident now its peak.
///
/// # Errors
///
/// If there is no such process, or it is another user's.
pub fn forget_peak(pid: u32) -> io::Result<()> {
    fs::write(format!("/proc/{pid}/clear_refs"), "5")
}

/// The bytes of memory that the machine has for new programs without swapping.
///
/// # Errors
///
/// If the kernel doesn't say.
pub fn available_bytes() -> io::Result<u64> {
    field_bytes(Path::new("/proc/meminfo"), "MemAvailable:")
}

fn status_bytes(pid: u32, field: &str) -> io::Result<u64> {
    field_bytes(Path::new(&format!("/proc/{pid}/status")), field)
}

/// What a line of such a file says, in KiB there.
fn field_bytes(file: &Path, field: &str) -> io::Result<u64> {
    let text = fs::read_to_string(file)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok(number(line.split_whitespace().next())? * 1024)
}

/// The user and the group that a process has become.
///
/// # Errors
///
/// If there is no such process.
pub fn user_and_group(pid: u32) -> io::Result<(Uid, Gid)> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let real = |field| {
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        let first = line.and_then(|line| line.split_whitespace().next());
        first.and_then(|number| number.parse().ok())
    };
    match (real("Uid:"), real("Gid:")) {
        (Some(uid), Some(gid)) => Ok((Uid::from_raw(uid), Gid::from_raw(gid))),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Ties the calling thread, and the processes and threads that it starts from now on, to one
/// processor core.
///
/// A core that the machine doesn't have, or that we may not use, leaves all as it was.
pub fn pin(core: usize) {
    let mut set = CpuSet::new();
    if core < CpuSet::MAX_CPU {
        set.set(core);
        // Without the right to choose a core the figures are less steady, which is no reason to
        // give up.
        let _ = sched_setaffinity(None, &set);
    }
}

/// Whether a program of this name is on the search path, and where.
pub fn find_program(name: &str) -> Option<std::path::PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|file| Path::is_file(file))
}

fn number(text: Option<&str>) -> io::Result<u64> {
    text.and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_process_that_works_uses_time() {
        let busy = ["-c", "while :; do :; done"];
        let mut child = Command::new("sh").args(busy).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let some = Duration::from_millis(20);
        let mut used = (Duration::ZERO, Duration::ZERO);
        while (used.0 < some || used.1 < some) && Instant::now() < deadline {
            used = (
                processor_time(child.id()).unwrap(),
                ticks(child.id()).unwrap(),
            );
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(used.0 >= some && used.1 >= some, "{used:?}");
    }

    #[test]
    fn memory_that_is_written_is_counted() {
        let me = std::process::id();
        let before = anonymous_bytes(me).unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = anonymous_bytes(me).unwrap();
        assert!(after >= before + (32 << 20), "{before} {after}");
        assert!(resident_bytes(me).unwrap() >= after - (8 << 20));
        drop(block);
        assert!(peak_bytes(me).unwrap() >= after);
        forget_peak(me).unwrap();
        assert!(peak_bytes(me).unwrap() + (12 << 20) <= after + before);
    }
}
