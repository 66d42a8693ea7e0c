//! When does the default backend hear of a transaction?
//!
//! A BEGIN is answered at once and sent with the first statement that the default backend runs in it, in one write: a transaction that only
//! reads on the analytic side, or does nothing, costs it nothing. Where it has heard of none, the end is answered here too.

use bytes::{Bytes, BytesMut};

use super::backends::ABORT;
use super::pins::PinReason;
use super::pipeline::{Side, To};
use super::{Session, Step};
use crate::config::BeginMode;
use crate::protocol::compose;
use crate::sql::{Isolation, SessionEffect, StatementFacts, TransactionControl};

/// A transaction that the client has begun and the default backend has not.
#[derive(Debug)]
pub(super) struct Deferred {
    /// The statement that begins it.
    text: Bytes,
    /// It has failed.
    failed: bool,
}

impl Session {
    /// Whether a statement begins or ends a transaction that the default backend need not hear of now.
    pub(super) fn may_defer(&self, facts: &StatementFacts) -> bool {
        let unused = !self.batch.oltp_used && !self.batch.began;
        match &facts.session {
            SessionEffect::Transaction(TransactionControl::Begin(_)) => {
                let standby = self
                    .told
                    .iter()
                    .any(|(name, value)| name == "in_hot_standby" && value == "on");
                // A server that has heard of a transaction keeps notifications back until its end.
                unused
                    && self.status == b'I'
                    && !standby
                    && !self.listens
                    && !self.pins.has(PinReason::Listen)
                    && self.snapshot.table.config.begin == BeginMode::Deferred
            }
            SessionEffect::Transaction(
                TransactionControl::Commit { chain: false }
                | TransactionControl::Rollback { chain: false },
            ) => unused && self.deferred.is_some(),
            _ => false,
        }
    }

    /// Whether a statement may be prepared without the default backend: it is always valid, and often never sent.
    pub(super) fn is_transaction_edge(&self, facts: &StatementFacts) -> bool {
        let ends = !matches!(
            &facts.session,
            SessionEffect::Transaction(TransactionControl::Begin(_))
        );
        let valid = !self.view.failed || (ends && self.deferred.is_some());
        is_edge(facts) && valid && self.snapshot.table.config.begin == BeginMode::Deferred
    }

    /// Answers a statement that [`Session::may_defer`] allows: its CommandComplete.
    pub(super) fn answer_deferred(&mut self, facts: &StatementFacts, text: &[u8]) -> Bytes {
        let tag = match &facts.session {
            SessionEffect::Transaction(TransactionControl::Begin(modes)) => {
                self.deferred = Some(Deferred {
                    text: Bytes::copy_from_slice(text),
                    failed: false,
                });
                self.read_only = modes.read_only;
                let default = || match self.settings.get("default_transaction_isolation") {
                    Some("repeatable read" | "serializable") => Some(Isolation::RepeatableRead),
                    _ => None,
                };
                self.view.keep_mirrored = matches!(
                    modes.isolation.or_else(default),
                    Some(Isolation::RepeatableRead | Isolation::Serializable)
                );
                self.one_snapshot = self.wants_one_snapshot(modes);
                self.on_status(b'T');
                match facts.kind {
                    "begin" => "BEGIN",
                    _ => "START TRANSACTION",
                }
            }
            control => {
                let commits = matches!(
                    control,
                    SessionEffect::Transaction(TransactionControl::Commit { .. })
                );
                let failed = self.deferred.take().is_some_and(|deferred| deferred.failed);
                self.rolls_back = !commits;
                // Where nothing was set nothing is taken back: what is known of the search path stays true.
                let stale = self.path_stale;
                self.on_status(b'I');
                self.path_stale = stale;
                if commits && !failed {
                    "COMMIT"
                } else {
                    "ROLLBACK"
                }
            }
        };
        let mut out = BytesMut::new();
        compose::put_command_complete(&mut out, tag);
        out.freeze()
    }

    /// Tells the default backend of the transaction that is open, if it does not know.
    pub(super) fn begin_deferred(&mut self) {
        let Some(deferred) = self.deferred.take() else {
            return;
        };
        self.send_query(Side::Oltp, &deferred.text, To::Setup);
        if deferred.failed {
            self.send_query(Side::Oltp, ABORT.as_bytes(), To::Nobody);
        }
    }

    /// A transaction that the default backend has not heard of fails. Whether there is one.
    pub(super) fn fail_deferred(&mut self) -> bool {
        let Some(deferred) = self.deferred.as_mut() else {
            return false;
        };
        deferred.failed = true;
        self.on_status(b'E');
        true
    }

    /// A string that is just the beginning or the end of a transaction the default backend need not hear of.
    pub(super) fn query_deferred(&mut self, facts: &StatementFacts, text: &[u8]) -> Step {
        let answer = self.answer_deferred(facts, text);
        self.client.out.extend_from_slice(&answer);
        self.put_ready();
        Step::Done
    }
}

/// Whether a statement begins or ends a transaction, and no more.
pub(super) fn is_edge(facts: &StatementFacts) -> bool {
    matches!(
        &facts.session,
        SessionEffect::Transaction(
            TransactionControl::Begin(_)
                | TransactionControl::Commit { chain: false }
                | TransactionControl::Rollback { chain: false }
        )
    )
}
