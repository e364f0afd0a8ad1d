//! `farebox serve`: the proxy, until it is told to stop.

use crate::app::{self, App, Reloader, Source, StartError};
use crate::cli::{Console, Exit, Failure};
use crate::config::{Annotated, BadConfig, Config, Environment, Overrides};
use crate::control::LINK_LIFE;
use crate::telemetry::{self, LogFormat};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Run the proxy.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// The configuration file (default: farebox.toml, if there is one)
    #[arg(long, env = "FAREBOX_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where apps connect
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Where operators connect
    #[arg(long, value_name = "ADDR")]
    pub admin_listen: Option<SocketAddr>,
    /// Keep the ledger in Redis
    #[arg(long, value_name = "URL")]
    pub redis: Option<String>,
    /// Where the embedded ledger, the journal and the admin token are kept
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// A price table instead of the one that is built in
    #[arg(long, value_name = "FILE")]
    pub pricing: Option<PathBuf>,
    /// Record answers as captures in this folder, with filler for all that was said
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Point a known provider elsewhere; repeatable
    #[arg(long, value_name = "NAME=URL", value_parser = name_and_url)]
    pub upstream: Vec<(String, String)>,
}

fn name_and_url(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.is_empty() && !url.is_empty() => {
            Ok((name.to_owned(), url.to_owned()))
        }
        _ => Err("write it like openai=http://127.0.0.1:9000/v1".to_owned()),
    }
}

impl ServeArgs {
    /// The configuration that results from file, environment and these flags.
    pub fn load(&self) -> Result<Config, BadConfig> {
        Config::load(self.config.as_deref(), &Environment::of_process(), &self.overrides())
    }

    /// The same, each value with its origin.
    pub fn load_annotated(&self) -> Result<Annotated, BadConfig> {
        Config::annotated(self.config.as_deref(), &Environment::of_process(), &self.overrides())
    }

    fn overrides(&self) -> Overrides {
        Overrides {
            listen: self.listen,
            admin_listen: self.admin_listen,
            redis: self.redis.clone(),
            data_dir: self.data_dir.clone(),
            pricing: self.pricing.clone(),
            record: self.record.clone(),
            upstreams: self.upstream.clone(),
        }
    }
}

impl ServeArgs {
    /// Runs until SIGTERM or SIGINT.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let filter = std::env::var("FAREBOX_LOG").unwrap_or_else(|_| "info".to_owned());
        telemetry::start_log(LogFormat::fitting(), &filter);
        let config = self.load().map_err(|e| StartError::Config(e.to_string()))?;
        serve(&config, Arc::new(move || self.load()), console).await
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match error {
            StartError::Config(_) => Exit::Config,
            StartError::Ledger(_) => Exit::Unavailable,
            StartError::Other(_) => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

async fn serve(config: &Config, source: Source, console: &mut Console) -> Result<(), Failure> {
    let metrics = telemetry::start_metrics().map_err(StartError::Other)?;
    let token = app::admin_token(config)?;
    let app = App::start(config, source, &token, metrics).await?;
    let hang_ups = signal(SignalKind::hangup()).map_err(|e| StartError::Other(e.to_string()))?;
    tokio::spawn(reload_at(hang_ups, app.reloader().clone()));
    let first_key = app::first_key(app.books()).await?;
    let first = match first_key {
        // The key is shown also where no link could be made: it cannot be shown again.
        Some(key) => Some(First { key, link: app.sign_in_link(LINK_LIFE).await.ok() }),
        None => None,
    };
    console.line(&greeting(&app, config, first.as_ref()))?;
    stop_asked_for().await.map_err(|e| StartError::Other(e.to_string()))?;
    tracing::info!(bound = ?config.server.stop, "stopping; calls in flight may finish");
    if !app.stop().await {
        tracing::warn!("some calls were cut; they are charged by an estimate");
    }
    Ok(())
}

/// Reads the configuration again at every SIGHUP; the log says what became of it.
async fn reload_at(mut hang_ups: Signal, reloader: Arc<Reloader>) {
    while hang_ups.recv().await.is_some() {
        let _logged = reloader.reload().await;
    }
}

/// Resolves at SIGTERM or SIGINT.
pub async fn stop_asked_for() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// What the first start prints, this once.
struct First {
    /// The key of the first user.
    key: SecretString,
    /// What signs the operator in.
    link: Option<SecretString>,
}

fn greeting(app: &App, config: &Config, first: Option<&First>) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let (data, admin) = (app.data(), app.admin());
    let providers: Vec<&str> = config.providers.iter().map(|p| p.name.as_str()).collect();
    let providers = match providers.as_slice() {
        [] => "none: set OPENAI_API_KEY, or pass --upstream openai=URL".to_owned(),
        some => some.join(", "),
    };
    let mut text = format!(
        "Farebox {} is metering.\n  apps        {scheme}://{data}/v1\n  \
         operators   {scheme}://{admin}\n  providers   {providers}\n",
        env!("CARGO_PKG_VERSION")
    );
    if let Some(folder) = &config.record {
        text.push_str(&format!(
            "  RECORDING   answers, with filler for texts, in {}\n",
            folder.display()
        ));
    }
    if let Some(First { key, link }) = first {
        if let Some(link) = link {
            text.push_str(&format!(
                "\nThe dashboard opens once with this link, within {} minutes; `farebox dashboard` \
                 prints another:\n\n  {}\n",
                LINK_LIFE.as_secs() / 60,
                link.expose_secret()
            ));
        }
        let key = key.expose_secret();
        text.push_str(&format!(
            "\nThe user `default` may spend 5 usd a day. Its key is shown this once:\n\n  \
             export OPENAI_BASE_URL={scheme}://{data}/v1\n  export OPENAI_API_KEY={key}\n\n  \
             curl $OPENAI_BASE_URL/chat/completions -H \"Authorization: Bearer $OPENAI_API_KEY\" \
             \\\n    -H 'Content-Type: application/json' \\\n    \
             -d '{{\"model\":\"gpt-5-nano\",\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'\n"
        ));
    }
    text
}
