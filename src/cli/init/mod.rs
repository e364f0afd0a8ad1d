//! `farebox init`: writes a commented `farebox.toml` and `.env.example` to begin with.
//!
//! Invariants: nothing is overwritten; no secret is written. In the template, `# key =` is a default
//! and `#: key =` an example; a test reads both.

use super::{Console, Exit, Failure};
use clap::Args;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What is written, and where.
const FILES: [(&str, &str); 2] =
    [("farebox.toml", include_str!("farebox.toml")), (".env.example", include_str!("env.example"))];

/// Write a commented `farebox.toml` and `.env.example`; nothing is overwritten.
#[derive(Debug, Args)]
pub struct Init {
    /// Where to
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
}

impl Init {
    /// Runs the verb. Exit status 6 if a file is there already; then none is written.
    pub fn run(self, console: &mut Console) -> Result<(), Failure> {
        let paths = FILES.map(|(name, text)| (self.dir.join(name), text));
        if let Some((path, _)) = paths.iter().find(|(path, _)| path.symlink_metadata().is_ok()) {
            return Err(there(path));
        }
        std::fs::create_dir_all(&self.dir).map_err(|e| failed(&self.dir, &e))?;
        for (path, text) in &paths {
            write(path, text)?;
        }
        let names: Vec<String> = paths.iter().map(|(path, _)| path.display().to_string()).collect();
        console.either(&json!({ "written": names }), |_| format!("wrote {}", names.join(", ")))?;
        console.hint("next: farebox check, farebox doctor, farebox serve");
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map_err(|e| failed(path, &e)),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(there(path)),
        Err(e) => Err(failed(path, &e)),
    }
}

fn there(path: &Path) -> Failure {
    let message = format!("{} is there already; nothing was written", path.display());
    Failure::new(Exit::Conflict, message).hint("name another directory: farebox init DIR")
}

fn failed(path: &Path, why: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{} cannot be written: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The template with the lines that begin so in force.
    fn in_force(marks: &[&str]) -> toml::Table {
        let line = |line: &str| {
            let rest = marks.iter().find_map(|mark| line.strip_prefix(mark));
            let key = |rest: &&str| rest.starts_with('[') || rest.contains(" = ");
            rest.filter(key).filter(|rest| !rest.contains(": ")).unwrap_or_default().to_owned()
        };
        let text: Vec<String> = FILES[0].1.lines().map(line).collect();
        toml::from_str(&text.join("\n")).unwrap()
    }

    #[test]
    fn defaults_in_the_template_are_the_defaults() {
        let written = in_force(&["# "]);
        let defaults = crate::config::Config::defaults().unwrap().printed();
        assert!(written.len() >= 6, "{written}");
        for (name, value) in written {
            let of = |value: &toml::Value| value.as_table().cloned().unwrap_or_default();
            if !value.is_table() {
                assert_eq!(defaults[&name], value, "{name}");
            }
            for (key, value) in of(&value) {
                assert_eq!(of(&defaults[&name])[&key], value, "{name}.{key}");
            }
        }
    }

    #[test]
    fn examples_in_the_template_can_be_used_and_it_holds_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("farebox.toml");
        let mut examples = in_force(&["# ", "#: "]);
        let tls = examples.remove("tls").unwrap();
        assert_eq!(tls["cert"].as_str(), Some("cert.pem"));
        std::fs::write(&path, examples.to_string()).unwrap();
        let variables =
            [("OPENAI_API_KEY", "k"), ("FAREBOX_ADMIN_TOKEN", "a-token-of-an-operator")];
        let environment = crate::config::Environment::from(variables);
        let overrides = crate::config::Overrides::default();
        let config = crate::config::Config::load(Some(&path), &environment, &overrides).unwrap();
        assert_eq!(config.providers.iter().count(), 1);
        assert!(config.redis_url.is_some() && config.admin_token.is_some());
        assert!(FILES.iter().all(|(_, text)| !text.contains("sk-")));
    }
}
