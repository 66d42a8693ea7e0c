//! Tidegate: a PostgreSQL-wire query router.
//!
//! Any Postgres client connects to one port; each statement goes to the OLTP PostgreSQL or to an analytic engine, and no write
//! reaches the analytic side unless router.yaml allows it. The life of a statement, in the order of the modules below:
//!
//! 1. [`frontend`] has accepted the client and logged it in, by what [`config`] says.
//! 2. [`session`] reads a frame ([`protocol`], [`net`]).
//! 3. [`sql`] reads facts off the statement's text: what it reads, writes, locks, calls.
//! 4. [`routing`] decides by facts, the session's view, rules and the [`catalog`].
//! 5. [`pool`] and [`backend`] give a connection.
//! 6. [`session`] passes the messages on, keeps replies in order, and gives the connection back.
//! 7. [`telemetry`] counts it, [`admin`] shows it, [`refresh`] renews materialized views behind it.
//!
//! `config`, `protocol`, `sql` and `routing` know no sockets, clock or globals.

pub mod admin;
pub mod backend;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod error;
pub mod frontend;
pub mod limits;
pub mod net;
pub mod pool;
pub mod protocol;
pub mod refresh;
pub mod routing;
pub mod serve;
pub mod server;
pub mod session;
pub mod shelf;
pub mod sql;
pub mod telemetry;
