//! Alerts on their way out: what one says, and one file for each kind of channel that it is sent to.
//!
//! A [`Notice`] is what an alert says. A [`Channel`] is where it goes, as it was written in the file
//! or sent to the API; it turns a notice into a [`Message`], which is pure. [`Outgoing`] sends one
//! message and tells the [`Outcome`]; `outcome` also says when to try again. `Alerting` makes alerts of crossings (`hints` brings
//! them, `facts` says what they are made of, `sweep` finds what was missed or is over), `directory` has the channels, and
//! `delivery` sends what is due. `rules` are what else an operator wants to hear of:
//! `rule_book` has them, `figures` reads what they look at, and `ruling` raises what fires. Not here:
//! the queues in which alerts wait, which are in the ledger.
//!
//! Invariants: nothing here decides about a call or waits for one. A secret of a channel stands in
//! the message that needs it and in no error, log or text. No address is connected to that was not
//! checked first, and no answer leads anywhere else.

mod address;
mod alerting;
mod channel;
mod delivery;
mod directory;
mod email;
mod exec;
mod facts;
mod figures;
mod hints;
mod message;
mod notice;
mod outcome;
mod outgoing;
mod pagerduty;
mod reports;
mod rule_book;
mod rules;
mod ruling;
mod sealed;
mod slack;
mod sweep;
mod target;
mod twilio;
mod webhook;
mod wording;
mod written;

pub use address::Allowed;
pub use alerting::{Alerting, Own, ProjectionsOf, Settings, Sources};
pub use channel::Channel;
pub use delivery::{Running, start};
pub use directory::{Listed, NotMade};
pub use message::{Mail, Message, Post, Run, Tls};
pub use notice::{Digest, Firing, Notice, State, Subject};
pub use outcome::{Next, Outcome};
pub use outgoing::{Names, Outgoing};
pub use reports::Sending;
pub use rule_book::{ListedRule, NotKept};
pub use rules::{Projection, Rule};
pub use target::Target;
pub use written::BadKey;
