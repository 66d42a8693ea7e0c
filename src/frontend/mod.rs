//! The client's side of a connection: listening, TLS, the startup packet, logging in, cancelling.

pub mod auth;
pub mod cancel;
pub mod handshake;
pub mod listener;
