//! How does a message of a batch get to its backend?
//!
//! The steps below [`super::extended`]: getting a connection, making sure a statement is prepared there, and waiting for the other side where
//! the order of replies asks for it. Each says whether the message went out, must wait, or has failed the batch.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::batch::FailedBy;
use super::pipeline::{Expect, Side, To};
use super::prepared::StatementKey;
use super::statements::ClientStatement;
use super::{End, Session, Step};
use crate::error::ClientError;
use crate::protocol::frontend::{self, Named};
use crate::protocol::{compose, sqlstate};
use crate::routing::ReadProof;
use crate::sql;

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
                compose::put_error(&mut self.client.out, &error);
                compose::put_ready(&mut self.client.out, self.status);
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
        Step::Done
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
        self.statements.mark_on_oltp(name);
        true
    }

    /// Gets an analytic connection for the next message. `None` when it must wait for the other side; a failure fails the batch.
    pub(super) async fn enter_analytic(&mut self, proof: ReadProof) -> Option<Step> {
        if !self.may_switch(Side::Analytic) || !self.analytic_is_free_for(proof.backend()) {
            return None;
        }
        if let Err(error) = self.need_analytic(proof).await {
            return Some(self.fail_batch(&error));
        }
        Some(Step::Done)
    }

    /// Makes sure that a statement is prepared on the leased connection. Returns its name there, and whether a Parse was sent, whose reply
    /// goes to `to`.
    pub(super) fn prepare(
        &mut self,
        key: &Arc<StatementKey>,
        named: bool,
        to: To,
    ) -> (String, bool) {
        let Some(conn) = self.conn(Side::Analytic) else {
            return (String::new(), false);
        };
        let preparation = if named {
            conn.prepared.prepare(key)
        } else {
            conn.prepared.prepare_unnamed(key)
        };
        if let Some(evicted) = &preparation.evict {
            let evicted = Named::Statement(evicted.as_bytes());
            frontend::put_named(&mut conn.wire.out, b'C', evicted);
            self.pipeline
                .push(Expect::Close, Side::Analytic, To::Nobody);
        }
        if preparation.parse {
            if let Some(conn) = self.conn(Side::Analytic) {
                let name = preparation.name.as_bytes();
                frontend::put_parse(&mut conn.wire.out, name, &key.text, &key.types);
            }
            self.pipeline
                .push_prepare(Side::Analytic, to, Arc::clone(key));
        }
        self.batch.analytic_used = true;
        self.batch.flushed = false;
        (preparation.name, preparation.parse)
    }

    /// A message was sent to a side within the batch.
    pub(super) fn pushed(&mut self, expect: Expect, side: Side) {
        self.point_cancel_at(side);
        self.pipeline.push(expect, side, To::Client);
        self.batch.flushed = false;
        match side {
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

    /// Makes the backends answer what is owed, without ending the batch.
    pub(super) fn flush_once(&mut self) {
        if std::mem::replace(&mut self.batch.flushed, true) {
            return;
        }
        for side in [Side::Oltp, Side::Analytic] {
            if self.pipeline.awaits(side)
                && let Some(conn) = self.conn(side)
            {
                frontend::put_flush(&mut conn.wire.out);
            }
        }
    }

    /// Whether a statement's route waits for the search path to be asked for.
    pub(super) async fn waits_for_path(&mut self, facts: &sql::StatementFacts) -> bool {
        if self.batch.heals && self.view.failed {
            if !self.pipeline.is_empty() {
                self.flush_once();
                return true;
            }
            // The backend has taken it, or everything up to Sync would be skipped by now.
            self.view.failed = false;
        }
        if !self.needs_path(facts) {
            return false;
        }
        if !self.pipeline.is_empty() {
            self.flush_once();
            return true;
        }
        self.ask_path().await;
        !self.pipeline.is_empty()
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
