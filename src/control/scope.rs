//! What a principal may do: one word for each operation, and sets of these words.
//!
//! Reading and writing are separate: `users:write` does not read. `admin` is all of them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What operations are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// Users.
    Users,
    /// Keys.
    Keys,
    /// Workspaces.
    Workspaces,
    /// Limits of any account.
    Limits,
    /// Providers and our credentials there.
    Providers,
    /// What was used and what it cost.
    Usage,
    /// Alerts, their channels and rules.
    Alerts,
    /// Prices.
    Pricing,
    /// Who changed what; read only.
    Audit,
    /// The configuration.
    Config,
    /// Whether the ledger is sound; read only.
    Ledger,
    /// Admin tokens.
    Tokens,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Users,
        Self::Keys,
        Self::Workspaces,
        Self::Limits,
        Self::Providers,
        Self::Usage,
        Self::Alerts,
        Self::Pricing,
        Self::Audit,
        Self::Config,
        Self::Ledger,
        Self::Tokens,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Keys => "keys",
            Self::Workspaces => "workspaces",
            Self::Limits => "limits",
            Self::Providers => "providers",
            Self::Usage => "usage",
            Self::Alerts => "alerts",
            Self::Pricing => "pricing",
            Self::Audit => "audit",
            Self::Config => "config",
            Self::Ledger => "ledger",
            Self::Tokens => "tokens",
        }
    }

    fn is_read_only(self) -> bool {
        matches!(self, Self::Audit | Self::Ledger)
    }
}

/// What an operation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Nothing, not even a token.
    Public,
    /// Any valid token.
    Any,
    /// Looking at a resource.
    Read(Resource),
    /// Changing a resource.
    Write(Resource),
    /// Zeroing what was used.
    BudgetReset,
    /// Everything.
    Admin,
}

impl Scope {
    /// All that can be granted.
    pub fn grantable() -> impl Iterator<Item = Self> {
        let writable = Resource::ALL.into_iter().filter(|resource| !resource.is_read_only());
        Resource::ALL
            .into_iter()
            .map(Self::Read)
            .chain(writable.map(Self::Write))
            .chain([Self::BudgetReset, Self::Admin])
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("public"),
            Self::Any => f.write_str("any"),
            Self::Read(resource) => write!(f, "{}:read", resource.as_str()),
            Self::Write(resource) => write!(f, "{}:write", resource.as_str()),
            Self::BudgetReset => f.write_str("budget:reset"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownScope(String);

impl fmt::Display for UnknownScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<String> = Scope::grantable().map(|scope| scope.to_string()).collect();
        write!(f, "`{}` is not a scope; there are: {}", self.0, known.join(", "))
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    /// Reads a scope that can be granted.
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let shown = || UnknownScope(text.chars().take(80).collect());
        Self::grantable().find(|scope| scope.to_string() == text).ok_or_else(shown)
    }
}

/// What a principal was granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Everything.
    pub fn admin() -> Self {
        Self([Scope::Admin].into())
    }

    /// Whether an operation that asks for `scope` is allowed.
    pub fn allows(&self, scope: Scope) -> bool {
        matches!(scope, Scope::Public | Scope::Any)
            || self.0.contains(&scope)
            || self.0.contains(&Scope::Admin)
    }

    /// Whether whoever has these may grant `others`.
    pub fn covers(&self, others: &Self) -> bool {
        others.0.iter().all(|scope| self.allows(*scope))
    }

    /// Each of them, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_reads_what_it_writes() {
        for scope in Scope::grantable() {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        for text in ["audit:write", "ledger:write", "any", "public", "", "users", "Users:read"] {
            let refused = text.parse::<Scope>().unwrap_err().to_string();
            assert!(refused.contains(&format!("`{text}`")), "{refused}");
        }
    }

    #[test]
    fn nobody_covers_more_than_was_granted() {
        let reader: Scopes = [Scope::Read(Resource::Users)].into_iter().collect();
        assert!(reader.allows(Scope::Any) && reader.allows(Scope::Read(Resource::Users)));
        assert!(!reader.allows(Scope::Write(Resource::Users)));
        assert!(!reader.allows(Scope::Admin));
        assert!(Scopes::admin().covers(&reader) && !reader.covers(&Scopes::admin()));
        assert!(Scopes::admin().allows(Scope::BudgetReset));
    }
}
