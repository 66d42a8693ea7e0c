//! Plumbing below both sides: streams, TLS and buffered sockets.

pub mod spare;
pub mod stream;
pub mod tls;
pub mod wire;
