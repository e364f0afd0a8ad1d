//! Holds and settles N calls on the embedded ledger, so that an instruction counter at two values of
//! N tells what one more costs, the commits included; for a stopwatch, the CPU time of both without
//! the commits.

use crate::calls;
use farebox::ledger::{Admission, EmbeddedLedger, Ledger, Options};
use std::error::Error;

/// Calls between two commits; at 250 ms these are 4,000 a second.
const GROUP: usize = 1000;

pub async fn run(times: usize) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let options = Options { background: false, commit_ms: 3_600_000, ..Options::default() };
    let ledger = EmbeddedLedger::open(dir.path(), options)?;
    let payers = calls::accounts(&*ledger).await?;
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
    ledger.close().await?;
    Ok(())
}
