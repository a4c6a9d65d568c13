//! What the machine has: memory, and how much of it this program may take; descriptors.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The memory of the machine, or of the container around the program if that is less, in bytes.
///
/// `None` if `/proc` does not tell.
pub fn memory() -> Option<u64> {
    let machine = mem_total(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limit = group_files(&groups)
        .filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
        .fold(machine, u64::min);
    Some(limit)
}

/// Raises the number of descriptors that the program may have open to `wanted` if that is allowed,
/// and returns what it may have now.
pub fn raise_descriptors(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let now = limit.current.unwrap_or(u64::MAX);
    if now >= wanted {
        return now;
    }
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    // Root may go beyond the maximum, others up to it.
    for (current, maximum) in [
        (wanted, wanted.max(allowed)),
        (wanted.min(allowed), allowed),
    ] {
        let raised = Rlimit {
            current: Some(current),
            maximum: limit.maximum.map(|_| maximum),
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return current;
        }
    }
    now
}

/// The machine's memory in bytes, from the text of `/proc/meminfo`.
fn mem_total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The files that may hold a memory limit for the groups in the text of `/proc/self/cgroup`.
///
/// A limit counts for everything below it, so the parents are asked too. A file without a number in
/// it sets no limit.
fn group_files(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            if controllers.is_empty() {
                Some(("/sys/fs/cgroup", "memory.max", path))
            } else if controllers.split(',').any(|name| name == "memory") {
                Some(("/sys/fs/cgroup/memory", "memory.limit_in_bytes", path))
            } else {
                None
            }
        })
        .flat_map(|(root, file, path)| {
            let path = path.trim_end_matches('/');
            let ends = path
                .match_indices('/')
                .map(|(at, _)| at)
                .chain([path.len()]);
            ends.map(move |end| format!("{root}{}/{file}", &path[..end]))
        })
}

#[cfg(test)]
mod tests {
    use super::{group_files, mem_total, memory, raise_descriptors};

    #[test]
    fn the_total_is_in_kibibytes() {
        let text = "MemTotal:         124752 kB\nMemFree:           60000 kB\n";
        assert_eq!(mem_total(text), Some(124_752 << 10));
        assert_eq!(mem_total("MemFree: 1 kB\n"), None);
        assert_eq!(mem_total("MemTotal: many kB\n"), None);
        assert!(memory().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn descriptors_are_raised_and_never_lowered() {
        let before = raise_descriptors(0);
        let after = raise_descriptors(before.saturating_add(1));
        assert!(after >= before && raise_descriptors(1) == after);
    }

    #[test]
    fn both_versions_of_groups_are_asked_up_to_the_root() {
        let two: Vec<_> = group_files("0::/a/b\n").collect();
        assert_eq!(
            two,
            [
                "/sys/fs/cgroup/memory.max",
                "/sys/fs/cgroup/a/memory.max",
                "/sys/fs/cgroup/a/b/memory.max",
            ]
        );
        assert_eq!(
            group_files("0::/\n").collect::<Vec<_>>(),
            ["/sys/fs/cgroup/memory.max"]
        );
        let one: Vec<_> = group_files("5:cpu:/x\n4:memory,hugetlb:/x\n").collect();
        assert_eq!(
            one,
            [
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/x/memory.limit_in_bytes",
            ]
        );
    }
}
