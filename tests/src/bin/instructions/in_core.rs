//! Counting in the core, without sockets: the same is done each time, to the last instruction.

use std::path::Path;

use wrtracker_tests::cross;
use wrtracker_tests::in_process::workload::Kind;

use crate::counter::Counter;
use crate::per_request;
use crate::processor::Processor;

/// Requests of the shorter of two runs; the longer has so many more. Whole rounds of a workload.
const REQUESTS: u64 = 1_000;

/// Builds the workload for a processor, and counts the instructions per request of each kind, in their
/// order.
///
/// # Errors
///
/// If it can't be built or run, or a reply is wrong.
pub(crate) fn count(counter: &mut Counter, processor: &Processor) -> Result<Vec<u64>, String> {
    let workload = cross::build_workload(processor.triple)?;
    let kinds = Kind::ALL.into_iter();
    kinds
        .map(|kind| count_kind(counter, processor, &workload, kind))
        .collect()
}

fn count_kind(
    counter: &mut Counter,
    processor: &Processor,
    workload: &Path,
    kind: Kind,
) -> Result<u64, String> {
    let mut run = |requests: u64| {
        let (mut command, count) = counter.command(processor, workload)?;
        command.args([kind.name(), &requests.to_string()]);
        let output = command.output().map_err(|error| error.to_string())?;
        let answered = String::from_utf8_lossy(&output.stdout);
        if output.status.success() && answered.trim() == requests.to_string() {
            return count.read();
        }
        let what = String::from_utf8_lossy(&output.stderr);
        Err(format!("{command:?}: {}, {what}", output.status))
    };
    let (few, many) = (run(REQUESTS)?, run(2 * REQUESTS)?);
    Ok(per_request(few, many, REQUESTS))
}
