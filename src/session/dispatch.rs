//! How does a message of a batch get to its backend?
//!
//! The steps below [`super::extended`]: getting a connection, making sure a statement is prepared there, and waiting for the other side where
//! the order of replies asks for it. Each says whether the message went out, must wait, or has failed the batch.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};

use super::batch::FailedBy;
use super::pipeline::{Expect, Side, To, Undo};
use super::prepared::StatementKey;
use super::statements::{ClientStatement, Portal};
use super::{End, Session, Step};
use crate::error::ClientError;
use crate::protocol::frontend::{self, Named};
use crate::protocol::{compose, sqlstate};
use crate::routing::Proof;
use crate::sql::{self, SessionEffect};

/// What is to be prepared.
pub(super) struct Prepare<'a> {
    /// The statement.
    pub(super) key: &'a Arc<StatementKey>,
    /// Under a name of the router's; else as the unnamed statement.
    pub(super) named: bool,
    /// A named one that was prepared before this is prepared again.
    pub(super) not_before: u64,
    /// An unnamed one is prepared even if it is there.
    pub(super) fresh: bool,
}

/// What became of a client's statement on a shared connection.
pub(super) enum Pooled {
    /// It is prepared there under this name.
    Ready(Arc<str>, Arc<StatementKey>),
    /// The server was asked what its rows look like, and answers first.
    Asked,
    /// Its rows do not look any more as the client was told.
    Changed,
}

impl<'a> Prepare<'a> {
    /// A statement that is good whenever it was prepared.
    pub(super) fn anywhere(key: &'a Arc<StatementKey>, named: bool) -> Self {
        Self {
            key,
            named,
            not_before: 0,
            fresh: false,
        }
    }
}

impl Session {
    /// A message of the client's for the default backend, as it is.
    pub(super) async fn pass_to_oltp(
        &mut self,
        frame: &BytesMut,
        expect: Expect,
    ) -> Result<Step, End> {
        if !self.may_switch(Side::Oltp) {
            return Ok(Step::Wait);
        }
        if let Err(error) = self.need_oltp().await {
            if expect == Expect::Query {
                self.refuse_query(&error);
                return Ok(Step::Done);
            }
            return Ok(self.fail_batch(&error));
        }
        if let Some(conn) = self.conn(Side::Oltp) {
            conn.wire.out.extend_from_slice(frame);
        }
        self.pushed(expect, Side::Oltp);
        Ok(Step::Done)
    }

    /// A message for a portal that is open on the leased connection.
    pub(super) fn pass_to_portal(&mut self, frame: &BytesMut, name: &[u8], expect: Expect) -> Step {
        if !self.may_switch(Side::Analytic) {
            return Step::Wait;
        }
        if self.leased.as_ref().is_some_and(|l| l.cursor.is_some()) {
            if !self.may_swap() {
                return Step::Wait;
            }
            self.put_back();
        }
        let renamed = self.renamed(frame, name, expect);
        let frame = renamed.as_ref().unwrap_or(frame);
        let Some(conn) = self.conn(Side::Analytic) else {
            let message = format!(
                "portal \"{}\" does not exist",
                String::from_utf8_lossy(name)
            );
            return self.fail_batch(&ClientError::refused(
                sqlstate::INVALID_CURSOR_NAME,
                message,
            ));
        };
        conn.wire.out.extend_from_slice(frame);
        self.pushed(expect, Side::Analytic);
        if let Some(Portal::Remote { key, opened, .. }) = self.statements.portal(name) {
            let key = opened.as_ref().map_or(key, |opened| &opened.sent);
            self.pipeline.uses_last(key, &Arc::from(&b""[..]));
            if let Some(opened) = opened {
                self.pipeline.opened_last(opened);
            }
        }
        Step::Done
    }

    /// Makes sure that a statement is prepared on the leased connection, since its tables were last seen to change.
    pub(super) fn prepare_analytic(
        &mut self,
        key: &Arc<StatementKey>,
        named: bool,
        to: To,
    ) -> (Arc<str>, bool) {
        let not_before = self.plans_not_before();
        let fresh = self
            .conn(Side::Analytic)
            .is_some_and(|conn| conn.prepared.unnamed_is_older_than(not_before));
        let prepare = Prepare {
            key,
            named,
            not_before,
            fresh,
        };
        self.prepare(Side::Analytic, &prepare, to)
    }

    /// When what was prepared on the leased connection must have been prepared, or else be prepared again: its tables were seen to change.
    pub(super) fn plans_not_before(&mut self) -> u64 {
        let index = self
            .conn(Side::Analytic)
            .map_or(usize::MAX, |conn| conn.backend);
        let backend = self.snapshot.backends.get(index);
        let changed = backend.map_or(0, |backend| backend.plans_before.load(Ordering::Relaxed));
        changed.max(self.snapshot.table.generation)
    }

    /// Prepares a client's statement on the default backend too. `false` when it must wait or has failed.
    pub(super) async fn prepare_on_oltp(
        &mut self,
        name: &[u8],
        statement: &ClientStatement,
    ) -> bool {
        if !self.may_switch(Side::Oltp) {
            return false;
        }
        if let Err(error) = self.need_oltp().await {
            self.fail_batch(&error);
            return false;
        }
        if let Some(conn) = self.conn(Side::Oltp) {
            let key = &statement.key;
            frontend::put_parse(&mut conn.wire.out, name, &key.text, &key.types);
        }
        self.batch.oltp_used = true;
        self.pipeline.push(Expect::Parse, Side::Oltp, To::Errors);
        self.pipeline.undo_last(Undo {
            name: name.into(),
            before: Some(Box::new(statement.clone())),
            at: statement.parsed,
            is_parse: false,
        });
        self.statements.mark_on_oltp(name);
        true
    }

    /// Gets an analytic connection for the next message. `None` when it must wait for the other side; a failure fails the batch.
    pub(super) async fn enter_analytic(&mut self, proof: Proof) -> Option<Step> {
        if !self.may_switch(Side::Analytic) || !self.analytic_is_free_for(proof.backend()) {
            return None;
        }
        // Boxed, as what most messages do not come to would have its place in the future of each.
        if let Err(error) = Box::pin(self.need_analytic(proof)).await {
            return Some(self.fail_batch(&error));
        }
        Some(Step::Done)
    }

    /// Gets a connection to the default backend for the next message. `None` when it must wait for the other side; a failure fails the
    /// batch.
    pub(super) async fn enter_oltp(&mut self) -> Option<Step> {
        if !self.may_switch(Side::Oltp) {
            return None;
        }
        if let Err(error) = self.need_oltp().await {
            return Some(self.fail_batch(&error));
        }
        Some(Step::Done)
    }

    /// Makes sure that a statement is prepared on a connection that others use too, as `prepare` says. Returns its name there, and
    /// whether a Parse was sent, whose reply goes to `to`.
    pub(super) fn prepare(
        &mut self,
        side: Side,
        prepare: &Prepare<'_>,
        to: To,
    ) -> (Arc<str>, bool) {
        let now = self.shared.number();
        let key = prepare.key;
        let doubted = self.pipeline.doubts_key(key);
        let Some(conn) = self.conn(side) else {
            return (Arc::default(), false);
        };
        if doubted {
            conn.prepared.forget(key);
        }
        let preparation = if prepare.named {
            conn.prepared.prepare(key, prepare.not_before, now)
        } else {
            conn.prepared.prepare_unnamed(key, prepare.fresh, now)
        };
        let name = preparation.name.as_bytes();
        if preparation.close {
            frontend::put_named(&mut conn.wire.out, b'C', Named::Statement(name));
            self.pipeline.push(Expect::Close, side, To::Nobody);
        }
        if preparation.parse {
            if let Some(conn) = self.conn(side) {
                frontend::put_parse(&mut conn.wire.out, name, &key.text, &key.types);
            }
            self.pipeline.push_prepare(side, to, Arc::clone(key));
        }
        match side {
            Side::Oltp => self.batch.oltp_used = true,
            Side::Analytic => self.batch.analytic_used = true,
        }
        self.batch.flushed = false;
        (preparation.name, preparation.parse)
    }

    /// Makes sure that a client's statement is prepared on the connection to the default backend, under the settings that it was prepared
    /// with or, where that connection does not know it, those of now. Where the client was told what its rows look like, they must look
    /// like that there: PostgreSQL does not change a prepared statement's either.
    pub(super) fn prepare_pooled(&mut self, name: &[u8], statement: &ClientStatement) -> Pooled {
        let settings = self.settings_number();
        let mut key = Arc::clone(&statement.key);
        let known = self
            .conn(Side::Oltp)
            .is_some_and(|conn| conn.prepared.holds(&key));
        let own = matches!(statement.facts.session, SessionEffect::Execute(_));
        if !known && !own && key.settings != settings {
            key = Arc::new(StatementKey {
                settings,
                ..(*key).clone()
            });
            self.statements.rekey(name, &key);
        }
        let prepare = Prepare {
            key: &key,
            named: !name.is_empty(),
            not_before: statement.parsed,
            fresh: false,
        };
        let there = self.prepare(Side::Oltp, &prepare, To::Errors).0;
        let Some(told) = statement.shape.filter(|_| !name.is_empty()) else {
            return Pooled::Ready(there, key);
        };
        let shape = self
            .conn(Side::Oltp)
            .and_then(|conn| conn.prepared.shape_of(&key));
        match shape {
            Some(shape) if shape == told => Pooled::Ready(there, key),
            Some(_) if self.doubted.take().as_ref() == Some(&key) => Pooled::Changed,
            Some(_) => {
                // Perhaps it was prepared where a temporary relation stood before.
                if let Some(conn) = self.conn(Side::Oltp) {
                    conn.prepared.forget(&key);
                }
                self.doubted = Some(key);
                self.prepare_pooled(name, statement)
            }
            None => {
                if let Some(conn) = self.conn(Side::Oltp) {
                    let named = Named::Statement(there.as_bytes());
                    frontend::put_named(&mut conn.wire.out, b'D', named);
                }
                self.pipeline.push(Expect::Describe, Side::Oltp, To::Errors);
                self.pipeline.uses_last(&key, &statement.name);
                self.batch.flushed = false;
                self.flush_once();
                Pooled::Asked
            }
        }
    }

    /// What stands for the settings in force: equal for sessions that have the same, its own for one whose settings are not known.
    pub(super) fn settings_number(&self) -> u64 {
        if !self.pooled {
            0
        } else if self.traces_pending || self.told_changed || self.inspection.is_some() {
            self.number | 1 << 63
        } else {
            self.settings.hash() >> 1
        }
    }

    /// A message was sent to a side within the batch.
    pub(super) fn pushed(&mut self, expect: Expect, side: Side) {
        self.point_cancel_at(side);
        self.pipeline.push(expect, side, To::Client);
        self.batch.flushed = false;
        match side {
            // A FunctionCall is no part of a batch.
            Side::Oltp if expect == Expect::Query => {}
            Side::Oltp => self.batch.oltp_used = true,
            Side::Analytic => self.batch.analytic_used = true,
        }
    }

    /// Whether a message may go to `side` now, or the other one must answer first.
    fn may_switch(&mut self, side: Side) -> bool {
        let other = match side {
            Side::Oltp => Side::Analytic,
            Side::Analytic => Side::Oltp,
        };
        if !self.pipeline.awaits(other) {
            return true;
        }
        self.flush_once();
        false
    }

    /// Whether something before is still under way, and what the router would answer itself depends on how it ends: it may fail, and this
    /// would then not be run.
    pub(super) fn is_unsettled(&mut self) -> bool {
        if self.pipeline.is_empty() {
            return false;
        }
        self.flush_once();
        true
    }

    /// Makes the backends answer what is owed, without ending the batch.
    pub(super) fn flush_once(&mut self) {
        if std::mem::replace(&mut self.batch.flushed, true) {
            return;
        }
        for side in [Side::Oltp, Side::Analytic] {
            if self.pipeline.may_be_kept_back(side)
                && let Some(conn) = self.conn(side)
            {
                frontend::put_flush(&mut conn.wire.out);
            }
        }
    }

    /// What becomes of a message whose statement's route waits for the search path to be asked for, or cannot be known.
    pub(super) async fn waits_for_path(&mut self, facts: &sql::StatementFacts) -> Option<Step> {
        // What is under way may end or heal a failed transaction, or say what the search path is.
        if (self.view.failed || self.path_asked) && self.is_unsettled() {
            return Some(Step::Wait);
        }
        self.path_asked = false;
        if self.batch.heals && self.view.failed {
            // The backend has taken it, or everything up to Sync would be skipped by now.
            self.view.failed = false;
        }
        if !self.needs_path(facts) {
            return None;
        }
        if !self.pipeline.is_empty() {
            self.flush_once();
            return Some(Step::Wait);
        }
        if let Err(error) = self.ask_path().await {
            return Some(self.fail_batch(&error));
        }
        (!self.pipeline.is_empty()).then_some(Step::Wait)
    }

    /// The batch fails with an answer of the router's own.
    pub(super) fn fail_batch(&mut self, error: &ClientError) -> Step {
        let mut out = BytesMut::new();
        compose::put_error(&mut out, error);
        self.answer(&out);
        self.batch.failed = Some(FailedBy::Other);
        self.skipping = true;
        Step::Done
    }

    /// An answer of the router's own, in its turn.
    pub(super) fn answer(&mut self, bytes: &[u8]) {
        self.pipeline
            .push_local(Bytes::copy_from_slice(bytes), false);
    }
}
