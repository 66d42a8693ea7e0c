//! What becomes of a statement once it is bound, and of the batch at its end?
//!
//! The messages that name a portal or a statement that is there already, and those that end a batch: Describe, Execute, Close, Flush and
//! Sync (<https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY>). Parse and Bind are in [`super::extended`].

use std::sync::Arc;

use bytes::BytesMut;

use super::adapted::Opened;
use super::again::Retry;
use super::backends::ABORT;
use super::batch::{Batch, FailedBy};
use super::dispatch::{Pooled, Prepare};
use super::errors::{cannot_be_run, changed_result, malformed, no_unnamed};
use super::local::LocalCommand;
use super::pipeline::{Expect, Side, To};
use super::prepared::StatementKey;
use super::statements::{Portal, Ran};
use super::steps::Run;
use super::{End, Session, Step};
use crate::backend::engine::Dialect;
use crate::protocol::compose;
use crate::protocol::frontend::{self, Named};
use crate::sql::StatementFacts;

pub(super) const CLOSE_COMPLETE: &[u8] = b"3\0\0\0\x04";
pub(super) const NO_DATA: &[u8] = b"n\0\0\0\x04";
pub(super) const NO_PARAMETERS: &[u8] = b"t\0\0\0\x06\0\0";
/// The name under which the default backend is asked to prepare what is no statement.
const ABORT_NAME: &[u8] = b"tidegate_abort";

impl Session {
    /// `Describe`.
    pub(super) async fn on_describe(&mut self, frame: &BytesMut, body: &[u8]) -> Result<Step, End> {
        let name = match frontend::named(body) {
            None => return Err(malformed("Describe")),
            Some(Named::Portal(name)) => {
                return match self.statements.portal(name) {
                    Some(Portal::Done) => {
                        self.answer(NO_DATA);
                        Ok(Step::Done)
                    }
                    Some(Portal::Local(command)) => {
                        let mut out = BytesMut::new();
                        command.put_columns(&mut out);
                        self.answer(&out);
                        Ok(Step::Done)
                    }
                    Some(Portal::Stepped { facts, key, .. }) => {
                        let (facts, key) = (Arc::clone(facts), Arc::clone(key));
                        Ok(self.describe_stepped_portal(&facts, &key.text))
                    }
                    Some(Portal::Remote {
                        side: Side::Analytic,
                        ..
                    }) => Ok(self.pass_to_portal(frame, name, Expect::Describe)),
                    Some(Portal::Remote { key, .. }) if self.pooled => {
                        let key = Arc::clone(key);
                        let step = self.pass_to_oltp(frame, Expect::Describe).await?;
                        if step == Step::Done && !self.skipping {
                            self.watch_shape(&key);
                        }
                        Ok(step)
                    }
                    None if self.cursor_named(name).is_some() => {
                        Ok(self.describe_cursor_portal(name))
                    }
                    _ => self.pass_to_oltp(frame, Expect::Describe).await,
                };
            }
            Some(Named::Statement(name)) => name,
        };
        if self.pipeline.doubts_statement(name) && self.is_unsettled() {
            return Ok(Step::Wait);
        }
        let statement = match self.statements.get(name) {
            Some(statement) if !statement.on_oltp => statement.clone(),
            Some(_) => return self.pass_to_oltp(frame, Expect::Describe).await,
            None => {
                if let Some(step) = self.hide_from_stranger(name).await {
                    return Ok(step);
                }
                return self.pass_to_oltp(frame, Expect::Describe).await;
            }
        };
        if statement.local == Some(LocalCommand::Gone) {
            return Ok(self.fail_batch(&no_unnamed()));
        }
        if let Some(command) = &statement.local {
            let mut out = BytesMut::from(NO_PARAMETERS);
            command.put_columns(&mut out);
            self.answer(&out);
            return Ok(Step::Done);
        }
        // It has no columns anywhere, and a transaction that the default backend has not heard of may end without it.
        if *statement.key.types == [0, 0] && self.is_transaction_edge(&statement.facts) {
            if self.is_unsettled() {
                return Ok(Step::Wait);
            }
            self.answer(NO_PARAMETERS);
            self.answer(NO_DATA);
            return Ok(Step::Done);
        }
        if let Some(step) = self.waits_for_path(&statement.facts).await {
            return Ok(step);
        }
        if let Some(stepped) = self.is_stepped(&statement.facts) {
            return Box::pin(self.describe_stepped(stepped, &statement)).await;
        }
        let decision = self.route(&statement.facts);
        match (decision.outcome, decision.proof) {
            (Err(refused), _) => Ok(self.fail_batch(&refused)),
            (Ok(_), None) if self.pooled => {
                let Some(step) = self.enter_oltp().await else {
                    return Ok(Step::Wait);
                };
                if step == Step::Done && !self.skipping {
                    let (there, key) = match self.prepare_pooled(name, &statement) {
                        Pooled::Ready(there, key) => (there, key),
                        Pooled::Asked => return Ok(Step::Wait),
                        Pooled::Changed => return Ok(self.fail_batch(&changed_result())),
                    };
                    self.prepare_ground(&statement.facts, &statement.key.text)
                        .await;
                    if let Some(conn) = self.conn(Side::Oltp) {
                        let named = Named::Statement(there.as_bytes());
                        frontend::put_named(&mut conn.wire.out, b'D', named);
                    }
                    self.pushed(Expect::Describe, Side::Oltp);
                    self.pipeline.uses_last(&key, &statement.name);
                    self.pipeline.describes_last(name);
                }
                Ok(step)
            }
            (Ok(_), None) => {
                if !self.prepare_on_oltp(name, &statement).await {
                    return Ok(if self.skipping {
                        Step::Done
                    } else {
                        Step::Wait
                    });
                }
                self.pass_to_oltp(frame, Expect::Describe).await
            }
            (Ok(_), Some(proof)) => {
                let Some(step) = self.enter_analytic(proof).await else {
                    return Ok(Step::Wait);
                };
                if step == Step::Done && !self.skipping {
                    self.describe_analytic(name, &statement);
                }
                Ok(step)
            }
        }
    }

    /// The answer to the Describe sent last says what a named statement's rows look like, and is remembered where that is not known yet.
    fn watch_shape(&mut self, key: &Arc<StatementKey>) {
        let known = |conn: &mut crate::backend::ServerConn| {
            !conn.prepared.holds(key) || conn.prepared.shape_of(key).is_some()
        };
        if self.conn(Side::Oltp).is_none_or(known) {
            return;
        }
        let own = self
            .statements
            .iter()
            .find(|(name, own)| !name.is_empty() && own.shape.is_none() && own.key == *key);
        let own = own.map(|(_, own)| Arc::clone(&own.name));
        let name = own.clone().unwrap_or_else(|| Arc::from(&b""[..]));
        self.pipeline.uses_last(key, &name);
        if let Some(name) = own {
            self.pipeline.describes_last(&name);
        }
    }

    /// `Execute`.
    pub(super) async fn on_execute(&mut self, frame: &BytesMut, body: &[u8]) -> Result<Step, End> {
        let Some((name, limit)) = frontend::execute_some(body) else {
            return Err(malformed("Execute"));
        };
        match self.statements.portal(name).cloned() {
            Some(Portal::Local(LocalCommand::Transaction { facts, key })) => {
                self.execute_deferred(frame, name, &facts, &key).await
            }
            Some(Portal::Done) => Ok(self.fail_batch(&cannot_be_run(name))),
            Some(Portal::Stepped { facts, key, bound }) => {
                let run = Run {
                    text: &key.text,
                    facts: &facts,
                    types: &key.types,
                    bound: Some((&bound.values, &bound.formats)),
                    limit,
                };
                Box::pin(self.execute_stepped(name, &facts, run)).await
            }
            Some(Portal::Local(command)) => {
                if self.is_unsettled() {
                    return Ok(Step::Wait);
                }
                self.statements.open(name, Portal::Done);
                if let LocalCommand::Define(text) = &command {
                    self.begin_job(text, false);
                    return Ok(Step::Done);
                }
                match self.answer_local(&command, false) {
                    Ok(answer) => self.pipeline.push_local(answer, false),
                    Err(error) => return Ok(self.fail_batch(&error)),
                }
                Ok(Step::Done)
            }
            Some(Portal::Remote {
                side: Side::Analytic,
                ran,
                opened,
                ..
            }) => Ok(self.execute_analytic(frame, name, ran, opened.as_ref())),
            Some(Portal::Remote {
                side: Side::Oltp,
                facts,
                key,
                ..
            }) => {
                let step = self.pass_to_oltp(frame, Expect::Execute).await?;
                if step == Step::Done && !self.skipping {
                    self.track(&facts, &key.text);
                    self.reset_application(&facts);
                }
                Ok(step)
            }
            None => {
                self.path_stale = true;
                self.traces_pending |= self.pooled && self.oltp.is_some();
                self.pass_to_oltp(frame, Expect::Execute).await
            }
        }
    }

    /// `Execute` of a portal on the leased connection. Once run to its end it has no more rows, where the engine would begin anew, too.
    fn execute_analytic(
        &mut self,
        frame: &BytesMut,
        name: &[u8],
        ran: Ran,
        opened: Option<&Arc<Opened>>,
    ) -> Step {
        let restarts = self
            .dialect_on(Side::Analytic)
            .is_some_and(Dialect::restarts_portals);
        match ran {
            Ran::Sent(_) if restarts && self.is_unsettled() => return Step::Wait,
            Ran::Ended if restarts => {
                let mut out = BytesMut::new();
                compose::put_command_complete(&mut out, "SELECT 0");
                self.answer(&out);
                return Step::Done;
            }
            _ => {}
        }
        if let Some(opened) = opened {
            self.reopen(frame, name, opened);
        }
        let step = self.pass_to_portal(frame, name, Expect::Execute);
        if step == Step::Done && !self.skipping {
            let again = opened.and_then(|opened| opened.again.as_ref());
            if let (Ran::Open, Some(again)) = (ran, again) {
                let facts = Arc::clone(again.facts());
                self.begin_execute_trial(&facts, || Retry::new(again, name, frame));
            }
            self.statements.execute(name, self.pipeline.pushed());
        }
        step
    }

    /// `Execute` of a BEGIN, COMMIT or ROLLBACK that the default backend need not hear of, unless it must after all.
    async fn execute_deferred(
        &mut self,
        frame: &BytesMut,
        portal: &[u8],
        facts: &Arc<StatementFacts>,
        key: &Arc<StatementKey>,
    ) -> Result<Step, End> {
        if self.may_defer(facts) {
            if self.is_unsettled() {
                return Ok(Step::Wait);
            }
            let decision = self.route(facts);
            // The end of a transaction takes it along.
            self.statements.open(portal, Portal::Done);
            let answer = self.answer_deferred(facts, &key.text);
            self.record(&key.text, facts, decision);
            self.pipeline.push_local(answer, false);
            return Ok(Step::Done);
        }
        let Some(step) = self.enter_oltp().await else {
            return Ok(Step::Wait);
        };
        if step == Step::Done && !self.skipping {
            let prepare = Prepare::anywhere(key, false);
            self.prepare(Side::Oltp, &prepare, To::Errors);
            if let Some(conn) = self.conn(Side::Oltp) {
                frontend::put_bind_names(&mut conn.wire.out, portal, b"", 6);
                conn.wire.out.extend_from_slice(&[0; 6]);
                conn.wire.out.extend_from_slice(frame);
            }
            self.pipeline.push(Expect::Bind, Side::Oltp, To::Errors);
            self.pushed(Expect::Execute, Side::Oltp);
            self.track(facts, &key.text);
        }
        Ok(step)
    }

    /// `Close`.
    pub(super) async fn on_close(&mut self, frame: &BytesMut, body: &[u8]) -> Result<Step, End> {
        match frontend::named(body) {
            None => Err(malformed("Close")),
            Some(Named::Statement(name)) => {
                if self
                    .statements
                    .get(name)
                    .is_some_and(|statement| !statement.on_oltp)
                {
                    self.answer(CLOSE_COMPLETE);
                    self.forget(name);
                    return Ok(Step::Done);
                }
                if self.pooled && !self.may_have_prepared && self.statements.get(name).is_none() {
                    self.answer(CLOSE_COMPLETE);
                    return Ok(Step::Done);
                }
                let step = self.pass_to_oltp(frame, Expect::Close).await?;
                if step == Step::Done && !self.skipping {
                    self.forget(name);
                }
                Ok(step)
            }
            Some(Named::Portal(name)) => match self.statements.portal(name) {
                Some(Portal::Remote {
                    side: Side::Analytic,
                    ..
                }) if self.leased.is_some() => {
                    let step = self.pass_to_portal(frame, name, Expect::Close);
                    if step == Step::Done {
                        self.statements.close(name);
                        if let Ok(name) = std::str::from_utf8(name) {
                            self.cursors.close(name);
                        }
                    }
                    Ok(step)
                }
                Some(
                    Portal::Local(_)
                    | Portal::Stepped { .. }
                    | Portal::Done
                    | Portal::Remote {
                        side: Side::Analytic,
                        ..
                    },
                ) => {
                    self.statements.close(name);
                    self.answer(CLOSE_COMPLETE);
                    Ok(Step::Done)
                }
                None if self.cursor_named(name).is_some() => Ok(self.close_cursor_portal(name)),
                _ => self.pass_to_oltp(frame, Expect::Close).await,
            },
        }
    }

    /// `Flush`.
    pub(super) fn on_flush(&mut self) -> Step {
        for (side, used) in [
            (Side::Oltp, self.batch.oltp_used),
            (Side::Analytic, self.batch.analytic_used),
        ] {
            if let Some(conn) = self.conn(side).filter(|_| used) {
                frontend::put_flush(&mut conn.wire.out);
            }
        }
        Step::Done
    }

    /// `FunctionCall`, which only the default backend has a use for.
    pub(super) async fn on_function_call(&mut self, frame: &BytesMut) -> Result<Step, End> {
        // Where something of an open batch fails it is skipped, as all is up to Sync.
        if !self.pipeline.is_empty() {
            self.flush_once();
            return Ok(Step::Wait);
        }
        let step = self.pass_to_oltp(frame, Expect::Query).await?;
        // Which function it is only the server knows.
        if self.pooled && step == Step::Done && self.oltp.is_some() {
            self.traces_pending = true;
            let number = self.number;
            if let Some(conn) = self.conn(Side::Oltp) {
                conn.opaque_of = number;
            }
        }
        Ok(step)
    }

    /// `Sync`.
    pub(super) fn on_sync(&mut self, body: &[u8]) -> Result<Step, End> {
        if !body.is_empty() {
            return Err(malformed("Sync"));
        }
        let clean = !self.skipping && self.batch.failed.is_none();
        let in_transaction = self.status != b'I' || self.batch.began;
        let side = match (self.batch.oltp_used, self.batch.analytic_used) {
            (true, false) if clean => Some(Side::Oltp),
            (false, false) if clean && self.oltp.is_some() && self.deferred.is_none() => {
                Some(Side::Oltp)
            }
            (false, true) if clean && !in_transaction => Some(Side::Analytic),
            _ => None,
        };
        let Some(side) = side else {
            self.batch.closing = true;
            // What is owed must be in before the next step is known; PostgreSQL keeps it back until it is asked.
            self.flush_once();
            return Ok(Step::Done);
        };
        if side == Side::Analytic {
            self.close_own_portals();
        }
        if let Some(conn) = self.conn(side) {
            frontend::put_sync(&mut conn.wire.out);
        }
        self.pipeline.push(Expect::Sync, side, To::Client);
        if side == Side::Analytic {
            self.end_read_block();
        }
        self.end_batch();
        Ok(Step::Done)
    }

    /// Goes on with the end of a batch that needs more than one backend, or that failed.
    pub(super) fn advance_closing(&mut self) {
        if std::mem::take(&mut self.batch.analytic_used) && self.leased.is_some() {
            return self.sync_analytic();
        }
        let aborts = self.batch.failed == Some(FailedBy::Other);
        if self.batch.failed.is_some() {
            self.fail_deferred();
        }
        let needs_oltp = self.batch.oltp_used || (aborts && self.status == b'T');
        if needs_oltp && self.oltp.is_some() {
            if aborts {
                self.put_abort();
            }
            if let Some(conn) = self.conn(Side::Oltp) {
                frontend::put_sync(&mut conn.wire.out);
            }
            self.pipeline.push(Expect::Sync, Side::Oltp, To::Client);
        } else {
            self.put_ready();
        }
        self.end_batch();
    }

    /// Makes the default backend fail its transaction, within a batch.
    pub(super) fn put_abort(&mut self) {
        if let Some(conn) = self.conn(Side::Oltp) {
            frontend::put_parse(&mut conn.wire.out, ABORT_NAME, ABORT.as_bytes(), &[0, 0]);
            self.pipeline.push(Expect::Parse, Side::Oltp, To::Nobody);
        }
    }

    fn end_batch(&mut self) {
        // A block that began in this batch is known to the backend, though its ReadyForQuery is not here yet.
        let in_transaction = self.status != b'I' || self.batch.began;
        self.batch = Batch::default();
        self.skipping = false;
        if !in_transaction && self.statements.has_portals() {
            self.statements.close_all();
        }
    }
}
