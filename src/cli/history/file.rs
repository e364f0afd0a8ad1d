//! Exporting to a file of JSON lines or CSV.
//!
//! Invariant: a file holds all of an export or what was there before: it is written beside its place,
//! and put there when it is complete.

use super::super::failure::{Exit, Failure};
use super::kept::Kept;
use crate::control::csv;
use serde_json::Value;
use std::ffi::OsString;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// An object in a line, with the name of its table.
    Lines,
    /// One table, with a line of names.
    Csv,
}

/// A file that is being written.
pub(super) struct File {
    to: BufWriter<std::fs::File>,
    form: Form,
    beside: PathBuf,
    place: PathBuf,
}

impl File {
    /// Begins to write.
    pub(super) fn begin(place: &Path, form: Form) -> Result<Self, Failure> {
        let mut beside = OsString::from(place);
        beside.push(".partial");
        let beside = PathBuf::from(beside);
        let to = std::fs::File::create(&beside).map_err(|why| cannot(&beside, &why))?;
        Ok(Self { to: BufWriter::new(to), form, beside, place: place.to_owned() })
    }

    pub(super) fn prepare(&mut self, kept: &Kept) -> Result<(), Failure> {
        match self.form {
            Form::Lines => Ok(()),
            Form::Csv => self.line(&kept.head()),
        }
    }

    pub(super) fn write(&mut self, kept: &Kept, rows: &[Value]) -> Result<u64, Failure> {
        for row in rows {
            let line = match self.form {
                Form::Csv => csv::line(kept.cells(row)),
                Form::Lines => {
                    let mut row = row.clone();
                    row["table"] = kept.name.into();
                    row.to_string()
                }
            };
            self.line(&line)?;
        }
        Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.to, "{line}").map_err(|why| cannot(&self.beside, &why))
    }

    /// Puts it in its place.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Self { to, beside, place, .. } = self;
        let file = to.into_inner().map_err(|why| cannot(&beside, why.error()))?;
        file.sync_all().map_err(|why| cannot(&beside, &why))?;
        std::fs::rename(&beside, &place).map_err(|why| cannot(&place, &why))
    }
}

fn cannot(path: &Path, why: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot write {}: {why}", path.display()))
}
