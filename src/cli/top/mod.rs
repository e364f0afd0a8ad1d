//! `farebox top`: who spends right now. A live view on a terminal, a line of JSON for each look
//! elsewhere.
//!
//! `gather` asks, `figures` reads, `state` and `view` decide what is drawn, `terminal` draws.

mod figures;
mod gather;
mod state;
mod terminal;
mod view;

use super::args;
use super::client::{Client, Remote};
use super::console::Console;
use super::failure::{Exit, Failure};
use crossterm::event::Event;
use gather::Look;
use state::{State, Step};
use std::io::IsTerminal;
use std::time::Duration;
use terminal::Terminal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Receiver;
use view::Screen;

/// Looks that fail in a row before it gives up, where nobody can see that it tries.
const PATIENCE: u32 = 30;

/// Show who spends right now.
#[derive(Debug, clap::Args)]
pub struct Top {
    /// Where the admin API is.
    #[command(flatten)]
    pub remote: Remote,
    /// How often to look: 2s, 1m
    #[arg(long, value_name = "SPAN", default_value = "2s", allow_hyphen_values = true,
          value_parser = args::interval)]
    pub every: Duration,
    /// Look so many times, then end
    #[arg(long, short = 'n', value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub iterations: Option<u32>,
    /// Of how many spenders to show the budget, at most 100
    #[arg(long, value_name = "N", default_value_t = 25,
          value_parser = clap::value_parser!(u8).range(1..=100))]
    pub limit: u8,
}

impl Top {
    /// Runs the verb; ends with 130 on SIGINT.
    pub async fn run(self, console: &mut Console) -> Result<(), Failure> {
        let client = Client::open(&self.remote, console.flags.verbose)?;
        let base = client.base().to_owned();
        let looks = gather::start(client, self.every, usize::from(self.limit));
        let stopped = |e: std::io::Error| Failure::new(Exit::Failed, e.to_string());
        let mut terminate = signal(SignalKind::terminate()).map_err(stopped)?;
        let seen = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let live = async {
            if seen && !console.flags.json {
                self.draw(looks, &base, console.colour).await
            } else {
                self.print(looks, console).await
            }
        };
        tokio::select! {
            ended = live => ended,
            _ = tokio::signal::ctrl_c() => Err(Failure::silent(Exit::Interrupted)),
            _ = terminate.recv() => Err(Failure::silent(Exit::Interrupted)),
        }
    }

    /// A line for each look.
    async fn print(&self, mut looks: Receiver<Look>, console: &mut Console) -> Result<(), Failure> {
        let (mut done, mut failures) = (0_u32, 0_u32);
        while let Some(look) = looks.recv().await {
            match look {
                Ok(figures) => {
                    failures = 0;
                    done = done.saturating_add(1);
                    console.line(&figures.object(usize::from(self.limit)).to_string())?;
                }
                Err(failure)
                    if failure.exit == Exit::Unavailable && done > 0 && failures < PATIENCE =>
                {
                    if failures == 0 {
                        console.warn(&format!("{}; trying again", failure.message));
                    }
                    failures = failures.saturating_add(1);
                }
                Err(failure) => return Err(failure),
            }
            if self.iterations == Some(done) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The live view, until `q`.
    async fn draw(
        &self,
        mut looks: Receiver<Look>,
        base: &str,
        colour: bool,
    ) -> Result<(), Failure> {
        // A first look that fails is told on the screen that stays.
        let Some(first) = looks.recv().await else { return Ok(()) };
        let (mut figures, mut fault, mut done) = (first?, None::<String>, 1_u32);
        let mut state = State::default();
        let mut terminal = Terminal::take()?;
        let mut events = terminal::events();
        loop {
            let screen = Screen { base, figures: &figures, fault: fault.as_deref(), colour };
            let (width, height) = terminal.size();
            terminal.draw(&screen.lines(&mut state, width, height))?;
            if self.iterations.is_some_and(|most| done >= most) {
                return Ok(());
            }
            tokio::select! {
                event = events.recv() => match event.map(|event| pressed(&mut state, &event)) {
                    Some(Step::Draw) => {}
                    Some(Step::Quit) | None => return Ok(()),
                    Some(Step::Interrupt) => return Err(Failure::silent(Exit::Interrupted)),
                },
                look = looks.recv() => match look {
                    Some(Ok(new)) => {
                        (figures, fault) = (new, None);
                        done = done.saturating_add(1);
                    }
                    Some(Err(failure)) => fault = Some(failure.message),
                    None => return Ok(()),
                },
            }
        }
    }
}

fn pressed(state: &mut State, event: &Event) -> Step {
    match event {
        Event::Key(key) => state.press(*key),
        _ => Step::Draw,
    }
}
