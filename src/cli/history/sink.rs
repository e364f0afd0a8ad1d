//! Where the history is exported to: `postgres://…`, `sqlite:FILE`, `FILE.jsonl` or `FILE.csv`.
//!
//! Invariant: no text that leaves here holds the password of a database.

use super::super::failure::{Exit, Failure};
use super::file::{File, Form};
use super::kept::Kept;
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A database, by its URL.
    Postgres(String),
    /// A database in a file.
    Sqlite(PathBuf),
    /// A file of text.
    File(PathBuf, Form),
}

impl Target {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if !path.is_empty() {
                return Ok(Self::Sqlite(path.into()));
            }
        }
        let form = match Path::new(text).extension().and_then(|e| e.to_str()) {
            Some("jsonl" | "ndjson") => Some(Form::Lines),
            Some("csv") => Some(Form::Csv),
            _ => None,
        };
        match form.filter(|_| !text.contains("://")) {
            Some(form) => Ok(Self::File(text.into(), form)),
            None => Err(Failure::new(
                Exit::Usage,
                format!("`{}` is not a place to export to", without_password(text)),
            )
            .hint("write postgres://USER@HOST/DATABASE, sqlite:FILE, FILE.jsonl or FILE.csv")),
        }
    }
}

/// A URL without what stands before its host, and without its parameters. Where that cannot be told
/// for sure, because a password has what should be written otherwise, only what it begins with.
pub(super) fn without_password(url: &str) -> String {
    let short = |text: &str| text.chars().take(200).collect::<String>();
    let Some((scheme, rest)) = url.split_once(':') else { return short(url) };
    let begins = format!("{}://…", short(scheme));
    let Some(rest) = rest.strip_prefix("//") else {
        return if rest.contains([':', '@']) { begins } else { short(url) };
    };
    let cut = rest.find(['?', '#', '/']).unwrap_or(rest.len());
    let (authority, more) = rest.split_at(cut);
    let path = more.split(['?', '#']).next().unwrap_or_default();
    let (before, host) = match authority.rsplit_once('@') {
        Some((_, host)) => ("…@", host),
        None => ("", authority),
    };
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    // A name and a password without a host look like a host and its port; an `@` that is further on
    // says that what is before it is no host.
    let parameters_begin = more.find('?').unwrap_or(more.len());
    let unsure = !port.chars().all(|c| c.is_ascii_digit())
        || more.chars().take(parameters_begin).any(|c| c == '@')
        || (more.starts_with(['?', '#']) && more.contains('@'));
    if unsure { begins } else { format!("{scheme}://{before}{host}{}", short(path)) }
}

/// What was opened.
pub(super) enum Sink {
    Postgres(Postgres),
    Sqlite(Sqlite),
    File(File),
}

impl Sink {
    /// Opens a target; `authority`: a file of certificates that PostgreSQL may be signed by.
    pub(super) async fn open(target: &Target, authority: Option<&Path>) -> Result<Self, Failure> {
        Ok(match target {
            Target::Postgres(url) => Self::Postgres(Postgres::open(url, authority).await?),
            Target::Sqlite(path) => Self::Sqlite(Sqlite::open(path)?),
            Target::File(path, form) => Self::File(File::begin(path, *form)?),
        })
    }

    /// Makes a table where it is missing.
    pub(super) async fn prepare(&mut self, kept: &Kept) -> Result<(), Failure> {
        match self {
            Self::Postgres(database) => database.prepare(kept).await,
            Self::Sqlite(database) => database.prepare(kept),
            Self::File(file) => file.prepare(kept),
        }
    }

    /// Writes rows; how many were new or differed.
    pub(super) async fn write(&mut self, kept: &Kept, rows: Vec<Value>) -> Result<u64, Failure> {
        match self {
            Self::Postgres(database) => database.write(kept, rows).await,
            Self::Sqlite(database) => database.write(kept, rows),
            Self::File(file) => file.write(kept, &rows),
        }
    }

    /// Ends it; what a file holds is there from now on.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.finish(),
            Self::Postgres(_) | Self::Sqlite(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_by_their_beginning_or_their_end() {
        for (text, target) in [
            ("postgres://a@b/c", Target::Postgres("postgres://a@b/c".to_owned())),
            ("postgresql:///c?host=/tmp", Target::Postgres("postgresql:///c?host=/tmp".to_owned())),
            ("sqlite:a.db", Target::Sqlite("a.db".into())),
            ("sqlite:///a/b.db", Target::Sqlite("/a/b.db".into())),
            ("out/a.jsonl", Target::File("out/a.jsonl".into(), Form::Lines)),
            ("a.csv", Target::File("a.csv".into(), Form::Csv)),
        ] {
            assert_eq!(Target::parse(text).ok(), Some(target), "{text}");
        }
        for bad in ["", "a.txt", "sqlite:", "mysql://u:canary@h/d", "http://u:canary@h/a.csv"] {
            let why = Target::parse(bad).unwrap_err().to_string();
            assert!(!why.contains("canary"), "{why}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for url in [
            "postgres://user:canary@host/db",
            "postgres://user:c@nary-canary@host/db",
            "postgres://host/db?password=canary",
            "postgres://host/db?password=c@nary-canary",
        ] {
            let shown = without_password(url);
            assert!(!shown.contains("canary") && shown.ends_with("host/db"), "{shown}");
        }
        // What should have been written otherwise: `?`, `#` and `/` in it, or no host behind it.
        for url in [
            "postgres://user:canary?x@host/db",
            "postgres://user:c@nary?canary@host/db",
            "postgres://user:x@canary?y@host/db",
            "postgres://user:canary#x@host/db",
            "postgres://user:x/canary@host/db",
            "postgres://user:canary",
            "postgres://user:canary/db",
            "postgres:user:canary",
        ] {
            let shown = without_password(url);
            assert!(!shown.contains("canary"), "{url}: {shown}");
        }
        assert_eq!(without_password("postgres://host:5432/db"), "postgres://host:5432/db");
        assert_eq!(without_password("out/a.txt"), "out/a.txt");
    }
}
