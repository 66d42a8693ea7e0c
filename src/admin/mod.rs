//! For operators: metrics, health, the status page, and what a statement's route would be.

mod api_explain;
mod backends;
pub mod http;
pub mod question;
mod status;

pub use backends::BackendStatus;
