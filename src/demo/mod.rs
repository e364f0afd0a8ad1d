//! The demonstration: a simulated provider and traffic against it. Also what tests and benchmarks
//! run against. Nothing here is on the path of a real call.

pub mod provider;
