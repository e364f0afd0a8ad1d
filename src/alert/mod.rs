//! Alerts on their way out: what one says, and one file for each kind of channel that it is sent to.
//!
//! A [`Notice`] is what an alert says. A [`Channel`] is where it goes, as it was written in the file
//! or sent to the API; it turns a notice into a [`Message`], which is pure. [`Outgoing`] sends one
//! message and tells the [`Outcome`]; `outcome` also says when to try again, and `pace` how fast a
//! channel may be used. Not here: which alerts there are, and the queues in which they wait.
//!
//! Invariants: nothing here decides about a call or waits for one. A secret of a channel stands in
//! the message that needs it and in no error, log or text. No address is connected to that was not
//! checked first, and no answer leads anywhere else.

mod address;
mod channel;
mod email;
mod message;
mod notice;
mod outcome;
mod outgoing;
mod pace;
mod pagerduty;
mod slack;
mod target;
mod twilio;
mod webhook;
mod wording;
mod written;

pub use address::Allowed;
pub use channel::Channel;
pub use message::{Mail, Message, Post, Tls};
pub use notice::{Firing, Notice, State, Subject};
pub use outcome::{Next, Outcome};
pub use outgoing::{Names, Outgoing};
pub use pace::{Pace, Rate};
pub use target::Target;
pub use written::BadChannel;
