//! Holds and settles N calls on the embedded ledger, so that an instruction counter at two values of
//! N tells what one more costs, the commits included; and prints the CPU time of this thread, which
//! does not commit.

use crate::calls;
use farebox::ledger::{Admission, EmbeddedLedger, Ledger, Options};
use std::error::Error;

/// Calls between two commits; at 250 ms these are 4,000 a second.
const GROUP: usize = 1000;

/// Nanoseconds that this thread was on a CPU, as Linux has them.
fn on_cpu() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(stat.split_whitespace().next().ok_or("an empty schedstat")?.parse()?)
}

pub async fn run(times: usize) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let options = Options { background: false, commit_ms: 3_600_000, ..Options::default() };
    let ledger = EmbeddedLedger::open(dir.path(), options)?;
    let payers = calls::accounts(&*ledger).await?;
    let before = on_cpu()?;
    for number in 1..=times {
        let order = calls::order(&payers);
        let permit = ledger.permit().ok_or("no permit")?;
        let Admission::Held { held, .. } = ledger.hold(&order).await? else {
            return Err("the call was refused".into());
        };
        ledger.settle(permit, calls::post(&order, held));
        if number.is_multiple_of(GROUP) {
            ledger.flush().await?;
        }
    }
    let each = (on_cpu()? - before) / 1000.0 / times.max(1) as f64;
    println!("hold and post, embedded      {each:8.2} microseconds of CPU, without the commits");
    ledger.close().await?;
    Ok(())
}
