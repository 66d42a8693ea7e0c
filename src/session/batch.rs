//! What is the session in the middle of: a string of statements, or a batch of the extended protocol?
//!
//! Pure values; the rules that move them are in [`super::simple`] and [`super::extended`].

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::pipeline::Side;
use crate::sql::StatementFacts;

/// Who made a batch or string fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedBy {
    /// The default backend, which then has failed its transaction by itself.
    Oltp,
    /// An analytic backend or the router: the default backend must be made to fail its transaction too.
    Other,
}

impl From<Side> for FailedBy {
    fn from(side: Side) -> Self {
        match side {
            Side::Oltp => FailedBy::Oltp,
            Side::Analytic => FailedBy::Other,
        }
    }
}

/// The messages of the extended protocol since the last Sync.
#[derive(Debug, Default)]
pub struct Batch {
    /// The default backend was sent some: it is in an implicit transaction.
    pub oltp_used: bool,
    /// The analytic backend was sent some.
    pub analytic_used: bool,
    /// A statement that ends or heals a failed transaction is among them.
    pub heals: bool,
    /// A BEGIN is among them.
    pub began: bool,
    /// Somebody failed.
    pub failed: Option<FailedBy>,
    /// Sync has come, and is worked off step by step.
    pub closing: bool,
    /// A Flush was sent to make a backend answer what the next message waits for.
    pub flushed: bool,
}

/// One statement of a string.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where it stands in the string.
    pub range: Range<usize>,
    /// What it does.
    pub facts: Arc<StatementFacts>,
}

/// The statements of a string; nearly always there is one.
pub type Parts = SmallVec<[Part; 1]>;

/// A string of several statements that is worked off run by run.
#[derive(Debug)]
pub struct Script {
    /// The string.
    pub text: Bytes,
    /// Where in it the statement under way begins.
    pub at: usize,
    /// The statements that are left.
    pub parts: VecDeque<Part>,
    /// It has more than one, so that they share a transaction.
    pub several: bool,
    /// A definition for the analytic side is among them.
    pub defines: bool,
    /// The router has put a transaction around it, as PostgreSQL treats a string as one.
    pub wrapped: bool,
    /// The transaction around it is ended.
    pub unwrapped: bool,
    /// Somebody failed; the rest is not run.
    pub failed: Option<FailedBy>,
}
