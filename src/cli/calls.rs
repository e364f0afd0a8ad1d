//! Which settled calls a verb is about.

/// Filters that every reading of settled calls takes.
#[derive(Debug, clap::Args)]
pub struct Calls {
    /// Only of this user
    #[arg(long)]
    pub user: Option<String>,
    /// Only of this key
    #[arg(long)]
    pub key: Option<String>,
    /// Only of this workspace
    #[arg(long)]
    pub workspace: Option<String>,
    /// Only of this model
    #[arg(long)]
    pub model: Option<String>,
    /// Only of this provider
    #[arg(long)]
    pub provider: Option<String>,
    /// Only with this credential
    #[arg(long)]
    pub credential: Option<String>,
}

impl Calls {
    /// The parameters of a query, with `more` behind them.
    pub(super) fn query<'a>(
        &'a self,
        more: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Vec<(&'a str, Option<&'a str>)> {
        let own = [
            ("user", self.user.as_deref()),
            ("key", self.key.as_deref()),
            ("workspace", self.workspace.as_deref()),
            ("model", self.model.as_deref()),
            ("provider", self.provider.as_deref()),
            ("credential", self.credential.as_deref()),
        ];
        own.into_iter().chain(more).collect()
    }
}
