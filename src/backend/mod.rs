//! Backends as peers: dialling, logging in, cancelling, health, and what each engine needs.

pub mod cancel;
pub mod connect;
pub mod control;
pub mod endpoints;
pub mod engine;
pub mod health;
pub mod login;
pub mod server_conn;

pub use connect::{ConnectError, Connector};
pub use server_conn::ServerConn;
