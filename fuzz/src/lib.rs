//! What the fuzz targets share: how their input is laid out, and the comparison of every division
//! of a body with the whole of it.
//!
//! An input is four choices, a count of cuts, two bytes for each cut, and the body. Nothing here is
//! part of the program.

mod aws;
mod dialect;
mod events;
mod input;

pub use aws::messages;
pub use dialect::{conversation, dialect};
pub use events::events;
pub use input::Input;
