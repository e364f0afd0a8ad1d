//! What a check found, and how findings are printed: grouped, each failure with the way out. Pure.

use serde_json::{Value, json};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// It works, but somebody should look at it.
    Warning,
    /// It will not work, or not be safe.
    Failed,
}

impl Status {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    const fn mark(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("√", "\u{1b}[32m"),
            Self::Warning => ("‼", "\u{1b}[33m"),
            Self::Failed => ("×", "\u{1b}[31m"),
        }
    }
}

/// The parts of the surroundings, in the order in which they are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// The configuration, its prices and its certificate.
    Configuration,
    /// The operator's token.
    Admin,
    /// Redis, or the embedded ledger.
    Ledger,
    /// Files and limits of this machine.
    Machine,
    /// Upstream services.
    Providers,
    /// The proxy that runs with this configuration.
    Proxy,
    /// What the running proxy watches, and whom it tells.
    Alerts,
}

impl Group {
    const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Admin => "admin",
            Self::Ledger => "ledger",
            Self::Machine => "machine",
            Self::Providers => "providers",
            Self::Proxy => "proxy",
            Self::Alerts => "alerts",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) group: Group,
    /// A stable word for scripts.
    pub(super) name: &'static str,
    pub(super) status: Status,
    pub(super) detail: String,
    pub(super) hint: Option<String>,
}

/// A group, to say something of it.
impl Group {
    /// All is well.
    pub(super) fn ok(self, name: &'static str, detail: impl Into<String>) -> Finding {
        let (group, status, detail) = (self, Status::Ok, detail.into());
        Finding { group, name, status, detail, hint: None }
    }

    /// Somebody should look at it.
    pub(super) fn warning(
        self,
        name: &'static str,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        let status = Status::Warning;
        Finding { status, hint: Some(hint.into()), ..self.ok(name, detail) }
    }

    /// It is wrong.
    pub(super) fn failed(
        self,
        name: &'static str,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Finding {
        let status = Status::Failed;
        Finding { status, hint: Some(hint.into()), ..self.ok(name, detail) }
    }
}

/// How many ended that way.
pub(super) fn count(findings: &[Finding], status: Status) -> usize {
    findings.iter().filter(|finding| finding.status == status).count()
}

/// For people. A new group begins with its name.
pub(super) fn written(findings: &[Finding], colour: bool) -> String {
    let mut text = String::new();
    let mut group = None;
    for finding in findings {
        if group != Some(finding.group) {
            let gap = if group.is_some() { "\n" } else { "" };
            text.push_str(&format!("{gap}{}\n", finding.group.name()));
            group = Some(finding.group);
        }
        let (mark, code) = finding.status.mark();
        let mark = if colour { format!("{code}{mark}\u{1b}[0m") } else { mark.to_owned() };
        text.push_str(&format!("  {mark} {}\n", finding.detail.replace('\n', "\n    ")));
        if let Some(hint) = &finding.hint {
            text.push_str(&format!("      {}\n", hint.replace('\n', "\n      ")));
        }
    }
    let (failed, warnings) = (count(findings, Status::Failed), count(findings, Status::Warning));
    let fine = count(findings, Status::Ok);
    text.push_str(&format!("\n{fine} fine, {warnings} to look at, {failed} wrong\n"));
    text
}

/// For scripts.
pub(super) fn object(findings: &[Finding]) -> Value {
    let checks = findings.iter().map(|finding| {
        json!({
            "group": finding.group.name(),
            "name": finding.name,
            "status": finding.status.word(),
            "detail": finding.detail,
            "hint": finding.hint,
        })
    });
    json!({
        "ok": count(findings, Status::Failed) == 0,
        "failed": count(findings, Status::Failed),
        "warnings": count(findings, Status::Warning),
        "checks": checks.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_grouped_with_their_hints() {
        let findings = [
            Group::Configuration.ok("file", "farebox.toml can be used"),
            Group::Ledger.ok("reachable", "redis 7.0.15 answers"),
            Group::Ledger.failed("policy", "it may evict budgets", "set it to noeviction"),
        ];
        assert_eq!(
            written(&findings, false),
            "configuration\n  √ farebox.toml can be used\n\nledger\n  √ redis 7.0.15 answers\n  \
             × it may evict budgets\n      set it to noeviction\n\n2 fine, 0 to look at, 1 wrong\n"
        );
        assert!(written(&findings, true).contains("\u{1b}[31m×\u{1b}[0m it may"));
        let object = object(&findings);
        assert_eq!((&object["ok"], &object["failed"]), (&json!(false), &json!(1)));
        assert_eq!(object["checks"][2]["hint"], "set it to noeviction");
        assert_eq!(object["checks"][0]["hint"], Value::Null);
    }
}
