//! `farebox pricing import`: prices of public lists, compared with a table and written into it.

use super::Source;
use super::import_report as report;
use super::source_file::{self, SourceFile};
use crate::cli::{Console, Exit, Failure};
use crate::clock::{Clock, rfc3339};
use crate::pricing::PriceTable;
use crate::pricing::import::{self, Accepted, BadSource, Scope, Sources, Stamp};
use clap::Args;
use std::path::{Path, PathBuf};

const GENAI_PRICES: &str = "genai-prices";
const LITELLM: &str = "litellm";

/// Compare prices of public lists with a table, and write them into it.
#[derive(Debug, Args)]
pub struct Import {
    /// The list, `genai-prices`, and its file: the wheel as pip downloads it, or the data.py or JSON
    /// in it
    #[arg(long, num_args = 2, required = true, value_names = ["LIST", "FILE"])]
    pub from: Vec<PathBuf>,
    /// A second list, `litellm`, and its file: the wheel, or the JSON in it
    #[arg(long, num_args = 2, value_names = ["LIST", "FILE"])]
    pub cross_check: Vec<PathBuf>,
    /// These providers only (default: those of the table)
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    pub providers: Vec<String>,
    /// Take changes of prices up to so many per cent, or all
    #[arg(long, default_value = "20", value_name = "PERCENT|all", value_parser = accepted)]
    pub accept: Accepted,
    /// Write the table with the new prices
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

fn accepted(text: &str) -> Result<Accepted, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match (text, number.parse()) {
        ("all", _) => Ok(Accepted::All),
        (_, Ok(percent)) => Ok(Accepted::Percent(percent)),
        _ => Err(format!("`{text}` is neither whole per cent such as 20 nor `all`")),
    }
}

impl Import {
    /// Reads, compares, reports; writes where that is asked for and allowed.
    pub fn run(self, source: &Source, console: &mut Console) -> Result<(), Failure> {
        let text = source.text()?;
        let table = import::table(&text).map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
        let main = read(&self.from, GENAI_PRICES, "genai_prices/data.py")?;
        let mut sources = Sources::genai_prices(&main.text)
            .map_err(|fault| bad_source(&main, &BadSource::GenaiPrices(fault)))?;
        let cross = match self.cross_check.as_slice() {
            [] => None,
            given => {
                let member = "litellm/model_prices_and_context_window_backup.json";
                Some(read(given, LITELLM, member)?)
            }
        };
        if let Some(cross) = &cross {
            let read = sources.cross_check(&cross.text);
            read.map_err(|fault| bad_source(cross, &BadSource::LiteLlm(fault)))?;
        }
        let scope = Scope::of(&table, &self.providers);
        let scope = scope.map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
        let now = Clock::system().now();
        let plan = import::plan(&table, &scope, &sources, now).map_err(|bad| {
            let file = match (&bad, &cross) {
                (BadSource::LiteLlm(_), Some(cross)) => cross,
                _ => &main,
            };
            bad_source(file, &bad)
        })?;
        let unknown = self.providers.iter().find(|name| !plan.knows(&table, name));
        if let Some(name) = unknown {
            let message = format!("`{name}` is a provider of neither the list nor the table");
            return Err(Failure::new(Exit::Usage, message));
        }
        let refused = plan.refused(self.accept);
        report::print(console, &plan, refused.len())?;
        if !refused.is_empty() {
            return Err(report::refusal(&refused, self.accept));
        }
        let Some(output) = &self.output else { return Ok(()) };
        let today: String = rfc3339(now).chars().take(10).collect();
        let mut stamps = vec![stamp(GENAI_PRICES, &main, &today)];
        stamps.extend(cross.as_ref().map(|cross| stamp(LITELLM, cross, &today)));
        let written = import::write(&text, &plan, &scope, &stamps);
        let written = written.map_err(|why| Failure::new(Exit::Failed, why))?;
        save(output, written.as_deref().unwrap_or(&text), console)
    }
}

fn read(given: &[PathBuf], list: &str, member: &str) -> Result<SourceFile, Failure> {
    match given {
        [name, file] if name.as_os_str() == list => source_file::read(file, member),
        [name, _] => {
            let message = format!("`{}` is not a list that can be read here", name.display());
            Err(Failure::new(Exit::Usage, message).hint(format!("it is called {list}")))
        }
        _ => Err(Failure::new(Exit::Usage, "a list needs its name and a file")),
    }
}

fn bad_source(file: &SourceFile, bad: &BadSource) -> Failure {
    let hint = "nothing was taken. Leave that provider out with --providers, or the model with \
                leave_out in the table, and report it";
    Failure::new(Exit::Broken, format!("{}: {bad}", file.file)).hint(hint)
}

fn stamp(name: &str, source: &SourceFile, today: &str) -> Stamp {
    let SourceFile { version, file, sha256, .. } = source;
    let (version, file, sha256) = (version.clone(), file.clone(), sha256.clone());
    Stamp { name: name.to_owned(), version, file, sha256, read: today.to_owned() }
}

/// Writes the table beside its place first, so that there is a whole one at every moment.
fn save(output: &Path, text: &str, console: &mut Console) -> Result<(), Failure> {
    let name = output.display();
    let table = PriceTable::parse(text)
        .map_err(|e| Failure::new(Exit::Failed, format!("the new table is not one: {e}")))?;
    let mut beside = output.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, output))
        .map_err(|e| Failure::new(Exit::Failed, format!("cannot write {name}: {e}")))?;
    let models = table.models().len();
    console.warn(&format!("wrote {name}: {models} models, price version {}", table.version()));
    Ok(())
}
