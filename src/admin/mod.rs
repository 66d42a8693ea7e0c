//! For operators: metrics, health and the status page.

pub mod http;
mod status;
