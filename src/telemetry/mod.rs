//! What happened: metrics for machines, logs for people.

pub mod histogram;
pub mod logging;
pub mod metrics;
