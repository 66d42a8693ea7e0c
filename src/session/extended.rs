//! How is a message of the extended protocol dealt with?
//!
//! A statement is routed at Parse and again at Bind. Messages go to their backend as they come; only when the next one is for the other
//! side does it wait until the first has answered. The default backend gets its Sync last and only once the client has sent one, so
//! that its part of a batch stays one implicit transaction
//! (<https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-FLOW-PIPELINING>).

use std::sync::Arc;

use bytes::BytesMut;

use super::backends::ABORT;
use super::batch::{Batch, FailedBy};
use super::dispatch::{Pooled, Prepare};
use super::local::LocalCommand;
use super::pipeline::{Expect, Side, To, Undo};
use super::prepared::StatementKey;
use super::statements::{ClientStatement, Portal};
use super::{End, PassTo, Session, Step};
use crate::error::ClientError;
use crate::protocol::frame::{self, HEADER_BYTES};
use crate::protocol::frontend::{self, Named};
use crate::protocol::{compose, sqlstate};
use crate::routing::ReadProof;
use crate::sql::{self, StatementFacts};

const PARSE_COMPLETE: &[u8] = b"1\0\0\0\x04";
const BIND_COMPLETE: &[u8] = b"2\0\0\0\x04";
const CLOSE_COMPLETE: &[u8] = b"3\0\0\0\x04";
const NO_DATA: &[u8] = b"n\0\0\0\x04";
const NO_PARAMETERS: &[u8] = b"t\0\0\0\x06\0\0";
/// The name under which the default backend is asked to prepare what is no statement.
const ABORT_NAME: &[u8] = b"tidegate_abort";

/// Where a statement's messages go.
enum Way {
    Oltp,
    Analytic(ReadProof),
}

impl Session {
    /// `Parse`.
    pub(super) async fn on_parse(&mut self, frame: &BytesMut, body: &[u8]) -> Result<Step, End> {
        let Some(parse) = frontend::parse(body) else {
            return Err(malformed("Parse"));
        };
        let facts = match sql::split_with(parse.text, &self.dialect).as_slice() {
            [] | [_] => self.facts(parse.text),
            // PostgreSQL says itself that several statements cannot be prepared as one.
            _ => return self.pass_to_oltp(frame, Expect::Parse).await,
        };
        if self.waits_for_path(&facts).await {
            return Ok(Step::Wait);
        }
        let local = self.local(&facts, parse.text).filter(|_| !self.view.failed);
        let decision = self.route(&facts);
        let way = match &decision.outcome {
            _ if local.is_some() => Ok(Way::Oltp),
            Err(refused) => Err((**refused).clone()),
            Ok(_) => Ok(decision.proof.map_or(Way::Oltp, Way::Analytic)),
        };
        let held = self.statements.get(parse.name);
        let taken = !parse.name.is_empty() && held.is_some();
        // Where the default backend has the name too, it says itself that it is taken.
        let says_so = held.is_some_and(|statement| statement.on_oltp);
        let (parsed, settings) = (self.shared.number(), self.settings_number());
        let key = || {
            Arc::new(StatementKey {
                text: parse.text.into(),
                types: parse.types.into(),
                settings,
            })
        };
        if self.pooled && !self.statements.has_room_for(parse.name) {
            return Ok(self.fail_batch(&too_many_statements()));
        }
        if !taken && self.is_transaction_edge(&facts) {
            if self.is_unsettled() {
                return Ok(Step::Wait);
            }
            let statement = ClientStatement {
                key: key(),
                facts,
                name: parse.name.into(),
                after: self.pipeline.pushed(),
                parsed,
                shape: None,
                on_oltp: false,
                local: None,
            };
            self.answer(PARSE_COMPLETE);
            self.remember(parse.name, statement);
            return Ok(Step::Done);
        }
        match way {
            Err(refused) => {
                self.record(parse.text, &facts, decision);
                if parse.name.is_empty() {
                    // A Parse that fails takes the unnamed statement with it, on whichever side that was.
                    let (key, local) = (key(), Some(LocalCommand::Gone));
                    let gone = ClientStatement {
                        key,
                        facts,
                        name: parse.name.into(),
                        after: self.pipeline.pushed(),
                        parsed,
                        shape: None,
                        on_oltp: false,
                        local,
                    };
                    self.statements.insert(parse.name, gone);
                }
                Ok(self.fail_batch(&refused))
            }
            Ok(Way::Oltp)
                if local.is_none()
                    && self.pooled
                    && !says_so
                    && (parse.name.is_empty() || taken || !self.may_have_prepared) =>
            {
                let Some(step) = self.enter_oltp().await else {
                    return Ok(Step::Wait);
                };
                if step != Step::Done || self.skipping {
                    return Ok(step);
                }
                if taken {
                    self.pass_duplicate(frame, parse.name);
                    return Ok(Step::Done);
                }
                let key = key();
                let prepare = Prepare {
                    key: &key,
                    named: !parse.name.is_empty(),
                    not_before: parsed,
                    fresh: true,
                };
                // Another session may have prepared it while this one waited for the connection.
                if !self.prepare(Side::Oltp, &prepare, To::Client).1 {
                    self.answer(PARSE_COMPLETE);
                }
                let statement = ClientStatement {
                    key,
                    facts,
                    name: parse.name.into(),
                    after: self.pipeline.pushed(),
                    parsed,
                    shape: None,
                    on_oltp: false,
                    local: None,
                };
                self.remember(parse.name, statement);
                Ok(Step::Done)
            }
            Ok(Way::Oltp) if local.is_none() && (!taken || says_so) => {
                let step = self.pass_to_oltp(frame, Expect::Parse).await?;
                if step == Step::Done && !taken && !self.skipping {
                    let statement = ClientStatement {
                        key: key(),
                        facts,
                        name: parse.name.into(),
                        after: self.pipeline.pushed(),
                        parsed,
                        shape: None,
                        on_oltp: true,
                        local: None,
                    };
                    self.remember(parse.name, statement);
                }
                Ok(step)
            }
            Ok(_) if taken => Ok(self.fail_batch(&duplicate(parse.name))),
            Ok(Way::Oltp) => {
                let statement = ClientStatement {
                    key: key(),
                    facts,
                    name: parse.name.into(),
                    after: self.pipeline.pushed(),
                    parsed,
                    shape: None,
                    on_oltp: false,
                    local,
                };
                self.answer(PARSE_COMPLETE);
                self.remember(parse.name, statement);
                Ok(Step::Done)
            }
            Ok(Way::Analytic(proof)) => {
                let key = key();
                let Some(step) = self.enter_analytic(proof).await else {
                    return Ok(Step::Wait);
                };
                if step == Step::Done && !self.skipping {
                    let prepare = Prepare::anywhere(&key, !parse.name.is_empty());
                    if !self.prepare(Side::Analytic, &prepare, To::Client).1 {
                        self.answer(PARSE_COMPLETE);
                    }
                    let statement = ClientStatement {
                        key,
                        facts,
                        name: parse.name.into(),
                        after: self.pipeline.pushed(),
                        parsed,
                        shape: None,
                        on_oltp: false,
                        local: None,
                    };
                    self.remember(parse.name, statement);
                }
                Ok(step)
            }
        }
    }

    /// The client has a statement of this name from now on, unless the message sent last fails.
    fn remember(&mut self, name: &[u8], statement: ClientStatement) {
        let at = statement.parsed;
        let before = self.statements.insert(name, statement);
        self.pipeline.undo_last(Undo {
            name: name.into(),
            before: before.map(Box::new),
            at,
            is_parse: true,
        });
    }

    /// The client has no statement of this name any more, unless the message sent last is not run.
    fn forget(&mut self, name: &[u8]) {
        let before = self.statements.remove(name);
        self.pipeline.undo_last(Undo {
            name: name.into(),
            before: before.map(Box::new),
            at: self.shared.number(),
            is_parse: false,
        });
    }

    /// `Bind`, or the start of a long one.
    pub(super) async fn on_bind(&mut self, frame: &BytesMut, body: &[u8]) -> Result<Step, End> {
        let Some(names) = frontend::bind_names(body) else {
            return Err(malformed("Bind"));
        };
        let total = frame::head(frame)?.map_or(frame.len(), |head| head.total);
        let Some(statement) = self.statements.get(names.statement).cloned() else {
            if let Some(step) = self.hide_from_stranger(names.statement).await {
                return Ok(step);
            }
            return self.pass_bind(frame, total, names.portal, None).await;
        };
        if self.waits_for_path(&statement.facts).await {
            return Ok(Step::Wait);
        }
        if statement.local == Some(LocalCommand::Gone) {
            return Ok(self.fail_batch(&no_unnamed()));
        }
        // Which statements there are may have changed since the Parse.
        let text = &statement.key.text;
        let local = statement.local.clone();
        if let Some(command) = local.or_else(|| self.local(&statement.facts, text))
            && !self.view.failed
        {
            if self.is_unsettled() {
                return Ok(Step::Wait);
            }
            let rest = body.get(names.portal.len() + names.statement.len() + 2..);
            match rest.and_then(frontend::bind_parameters) {
                Some(0) => {}
                given => {
                    let error = needs_no_parameters(names.statement, given.unwrap_or_default());
                    return Ok(self.fail_batch(&error));
                }
            }
            self.statements.open(names.portal, Portal::Local(command));
            self.answer(BIND_COMPLETE);
            return Ok(Step::Done);
        }
        let plain = body.get(names.portal.len() + names.statement.len() + 2..);
        let plain = plain.is_some_and(|rest| rest.starts_with(&[0; 4]));
        if plain && self.may_defer(&statement.facts) {
            if self.is_unsettled() {
                return Ok(Step::Wait);
            }
            let (facts, key) = (Arc::clone(&statement.facts), Arc::clone(&statement.key));
            let command = LocalCommand::Transaction { facts, key };
            self.statements.open(names.portal, Portal::Local(command));
            self.answer(BIND_COMPLETE);
            return Ok(Step::Done);
        }
        let decision = self.route(&statement.facts);
        let proof = match &decision.outcome {
            Ok(_) => decision.proof,
            Err(refused) => {
                let refused = (**refused).clone();
                self.record(&statement.key.text, &statement.facts, decision);
                return Ok(self.fail_batch(&refused));
            }
        };
        let Some(proof) = proof else {
            if self.pooled && !statement.on_oltp {
                let Some(step) = self.enter_oltp().await else {
                    return Ok(Step::Wait);
                };
                if step == Step::Done && !self.skipping {
                    let (name, key) = match self.prepare_pooled(names.statement, &statement) {
                        Pooled::Ready(name, key) => (name, key),
                        Pooled::Asked => return Ok(Step::Wait),
                        Pooled::Changed => return Ok(self.fail_batch(&changed_result())),
                    };
                    self.prepare_ground(&statement.facts).await;
                    self.put_renamed_bind(Side::Oltp, frame, total, &name);
                    self.pipeline.uses_last(&key, &statement.name);
                    self.open_portal(names.portal, Side::Oltp, &statement);
                    self.record(&statement.key.text, &statement.facts, decision);
                }
                return Ok(step);
            }
            if !statement.on_oltp && !self.prepare_on_oltp(names.statement, &statement).await {
                return Ok(if self.skipping {
                    Step::Done
                } else {
                    Step::Wait
                });
            }
            let step = self
                .pass_bind(frame, total, names.portal, Some(&statement))
                .await?;
            if step == Step::Done {
                self.record(&statement.key.text, &statement.facts, decision);
            }
            return Ok(step);
        };
        let Some(step) = self.enter_analytic(proof).await else {
            return Ok(Step::Wait);
        };
        if step == Step::Done && !self.skipping {
            let prepare = Prepare::anywhere(&statement.key, !names.statement.is_empty());
            let name = self.prepare(Side::Analytic, &prepare, To::Errors).0;
            self.put_renamed_bind(Side::Analytic, frame, total, &name);
            self.pipeline.uses_last(&statement.key, &statement.name);
            self.taint_by_portal(names.portal);
            self.open_portal(names.portal, Side::Analytic, &statement);
            self.record(&statement.key.text, &statement.facts, decision);
        }
        Ok(step)
    }

    /// A Bind, or the start of a long one, under the name that its statement has on a shared connection.
    fn put_renamed_bind(&mut self, side: Side, frame: &BytesMut, total: usize, name: &str) {
        let body = frame.get(HEADER_BYTES..).unwrap_or_default();
        let Some(names) = frontend::bind_names(body) else {
            return;
        };
        let skip = names.portal.len() + names.statement.len() + 2;
        let rest = body.get(skip..).unwrap_or_default();
        if let Some(conn) = self.conn(side) {
            let all = total - HEADER_BYTES - skip;
            frontend::put_bind_names(&mut conn.wire.out, names.portal, name.as_bytes(), all);
            conn.wire.out.extend_from_slice(rest);
            self.passing = (all - rest.len(), PassTo::Side(side));
        }
        self.pushed(Expect::Bind, side);
    }

    fn open_portal(&mut self, portal: &[u8], side: Side, statement: &ClientStatement) {
        let (facts, key) = (Arc::clone(&statement.facts), Arc::clone(&statement.key));
        let remote = Portal::Remote { side, facts, key };
        self.statements.open(portal, remote);
    }

    /// A name that the session has no statement of: nor may it meet another session's on the connection. `None` when the message may go
    /// to the default backend, which says that there is no such statement.
    async fn hide_from_stranger(&mut self, name: &[u8]) -> Option<Step> {
        if !self.pooled {
            return None;
        }
        if name.starts_with(b"tidegate_") {
            return Some(self.fail_batch(&no_statement(name)));
        }
        if name.is_empty() {
            match self.enter_oltp().await {
                None => return Some(Step::Wait),
                Some(Step::Done) if !self.skipping => self.hide_unnamed(),
                Some(step) => return Some(step),
            }
        }
        None
    }

    /// A Parse of a name that is taken, though the server does not know the name: it is told, and says so.
    fn pass_duplicate(&mut self, frame: &BytesMut, name: &[u8]) {
        if let Some(conn) = self.conn(Side::Oltp) {
            conn.debris.push(name.into());
            frontend::put_named(&mut conn.wire.out, b'C', Named::Statement(name));
            frontend::put_parse(&mut conn.wire.out, name, b"", &[0, 0]);
            conn.wire.out.extend_from_slice(frame);
        }
        self.pipeline.push(Expect::Close, Side::Oltp, To::Nobody);
        self.pipeline.push(Expect::Parse, Side::Oltp, To::Nobody);
        self.pushed(Expect::Parse, Side::Oltp);
    }

    /// Where portals outlive a Sync, a named one would be met by whoever gets the connection next, so nobody does.
    fn taint_by_portal(&mut self, portal: &[u8]) {
        let index = self
            .conn(Side::Analytic)
            .map_or(usize::MAX, |conn| conn.backend);
        let backend = self.snapshot.backends.get(index);
        let outlives = backend.is_some_and(|backend| backend.dialect.read_block().is_none());
        if let Some(leased) = self
            .leased
            .as_mut()
            .filter(|_| outlives && !portal.is_empty())
        {
            leased.tainted = true;
        }
    }

    /// A Bind for the default backend, as it is.
    async fn pass_bind(
        &mut self,
        frame: &BytesMut,
        total: usize,
        portal: &[u8],
        statement: Option<&ClientStatement>,
    ) -> Result<Step, End> {
        let step = self.pass_to_oltp(frame, Expect::Bind).await?;
        if step == Step::Done && !self.skipping {
            self.passing = (total - frame.len(), PassTo::Side(Side::Oltp));
            match statement {
                Some(statement) => self.open_portal(portal, Side::Oltp, statement),
                None => drop(self.statements.close(portal)),
            }
        }
        Ok(step)
    }

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
                    _ => self.pass_to_oltp(frame, Expect::Describe).await,
                };
            }
            Some(Named::Statement(name)) => name,
        };
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
        if self.waits_for_path(&statement.facts).await {
            return Ok(Step::Wait);
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
                    self.prepare_ground(&statement.facts).await;
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
                    let prepare = Prepare::anywhere(&statement.key, !name.is_empty());
                    let there = self.prepare(Side::Analytic, &prepare, To::Errors).0;
                    if let Some(conn) = self.conn(Side::Analytic) {
                        let named = Named::Statement(there.as_bytes());
                        frontend::put_named(&mut conn.wire.out, b'D', named);
                    }
                    self.pushed(Expect::Describe, Side::Analytic);
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
        let Some(name) = frontend::execute(body) else {
            return Err(malformed("Execute"));
        };
        match self.statements.portal(name).cloned() {
            Some(Portal::Local(LocalCommand::Transaction { facts, key })) => {
                self.execute_deferred(frame, name, &facts, &key).await
            }
            Some(Portal::Done) => Ok(self.fail_batch(&cannot_be_run(name))),
            Some(Portal::Local(command)) => {
                if self.is_unsettled() {
                    return Ok(Step::Wait);
                }
                self.statements.open(name, Portal::Done);
                match self.answer_local(&command, false) {
                    Ok(answer) => self.pipeline.push_local(answer, false),
                    Err(error) => return Ok(self.fail_batch(&error)),
                }
                Ok(Step::Done)
            }
            Some(Portal::Remote {
                side: Side::Analytic,
                ..
            }) => Ok(self.pass_to_portal(frame, name, Expect::Execute)),
            Some(Portal::Remote {
                side: Side::Oltp,
                facts,
                key,
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
                    }
                    Ok(step)
                }
                Some(
                    Portal::Local(_)
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
            compose::put_ready(&mut self.client.out, self.status);
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

fn malformed(what: &str) -> End {
    End::Told(ClientError::protocol(format!("invalid {what} message")))
}

fn no_statement(name: &[u8]) -> ClientError {
    let name = String::from_utf8_lossy(name);
    let message = format!("prepared statement \"{name}\" does not exist");
    ClientError::refused(sqlstate::UNDEFINED_STATEMENT, message)
}

fn too_many_statements() -> ClientError {
    let message = "too many prepared statements";
    ClientError::refused(sqlstate::CONFIGURATION_LIMIT, message)
        .hint("Close some, or raise limits: prepared_statements in router.yaml.")
}

/// PostgreSQL's own words, by which drivers know that they must prepare again.
fn changed_result() -> ClientError {
    let message = "cached plan must not change result type";
    ClientError::refused(sqlstate::FEATURE_NOT_SUPPORTED, message).routine("RevalidateCachedQuery")
}

/// Parameters for a statement that has none, in PostgreSQL's own words.
fn needs_no_parameters(name: &[u8], given: usize) -> ClientError {
    let name = String::from_utf8_lossy(name);
    let message = format!(
        "bind message supplies {given} parameters, but prepared statement \"{name}\" requires 0"
    );
    ClientError::refused(sqlstate::PROTOCOL_VIOLATION, message)
}

/// A portal that has been run to its end, in PostgreSQL's own words.
fn cannot_be_run(name: &[u8]) -> ClientError {
    let message = format!("portal \"{}\" cannot be run", String::from_utf8_lossy(name));
    ClientError::refused(sqlstate::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
        .routine("MarkPortalActive")
}

fn no_unnamed() -> ClientError {
    let message = "unnamed prepared statement does not exist";
    ClientError::refused(sqlstate::UNDEFINED_STATEMENT, message)
}

fn duplicate(name: &[u8]) -> ClientError {
    let message = format!(
        "prepared statement \"{}\" already exists",
        String::from_utf8_lossy(name)
    );
    ClientError::refused(sqlstate::DUPLICATE_PREPARED_STATEMENT, message)
}
