//! `farebox meter CAPTURE.json`: reads one captured answer without a network.

use super::{Console, Exit, Failure};
use crate::dialect::capture::Capture;
use clap::Args;
use std::path::PathBuf;

/// Read one captured answer and print the reading as JSON.
#[derive(Debug, Args)]
pub struct Meter {
    /// The capture: one answer with what is needed to meter it, as JSON
    #[arg(value_name = "CAPTURE.json")]
    pub capture: PathBuf,
}

impl Meter {
    /// Prints the reading.
    pub fn run(self, console: &mut Console) -> Result<(), Failure> {
        let name = self.capture.display();
        let text = std::fs::read_to_string(&self.capture)
            .map_err(|e| Failure::new(Exit::NotFound, format!("cannot read {name}: {e}")))?;
        let capture =
            Capture::parse(&text).map_err(|e| Failure::new(Exit::Usage, format!("{name}: {e}")))?;
        console.json(&capture.meter())
    }
}
