//! The wire, bytes only: how messages are framed and what the few that the router reads or writes say.
//!
//! Nothing here knows a socket. Frames are isolated by their length before anything looks inside
//! (see `docs/decisions/0001-pgwire.md` for why framing and the hot decoders are our own and the rest is `pgwire`'s).

pub mod backend;
pub mod bind;
pub mod compose;
pub mod frame;
pub mod frontend;
pub mod sqlstate;
pub mod startup;
