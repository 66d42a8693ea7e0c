//! How are statements prepared and bound?
//!
//! A statement is routed at Parse and again at Bind; what comes after is in [`super::portals`]. Messages go to their backend as they come; only when the next one is for the other
//! side does it wait until the first has answered. The default backend gets its Sync last and only once the client has sent one, so
//! that its part of a batch stays one implicit transaction
//! (<https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-FLOW-PIPELINING>).

use std::sync::Arc;

use bytes::BytesMut;

use super::deferred::is_edge;
use super::dispatch::{Pooled, Prepare};
use super::errors::{
    changed_result, duplicate, in_failed_transaction, malformed, no_statement, no_unnamed,
    too_many_statements, wrong_parameters,
};
use super::local::LocalCommand;
use super::pipeline::{Expect, Side, To, Undo};
use super::prepared::StatementKey;
use super::statements::{ClientStatement, Portal, Ran};
use super::tracking::heals;
use super::{End, PassTo, Session, Step, cursors};
use crate::error::ClientError;
use crate::protocol::frame::{self, HEADER_BYTES};
use crate::protocol::frontend::{self, BindNames, Named};
use crate::routing::Proof;
use crate::sql::{self, SessionEffect, StatementFacts};

const PARSE_COMPLETE: &[u8] = b"1\0\0\0\x04";
const BIND_COMPLETE: &[u8] = b"2\0\0\0\x04";

/// Where a statement's messages go.
enum Way {
    Oltp,
    Analytic(Proof),
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
        if let Some(step) = self.waits_for_path(&facts).await {
            return Ok(step);
        }
        let local = self.local(&facts, parse.text).filter(|_| !self.view.failed);
        let decision = self.route(&facts);
        let way = match &decision.outcome {
            _ if local.is_some() => Ok(Way::Oltp),
            Err(refused) => Err(refused.clone()),
            Ok(_) => Ok(decision.proof.map_or(Way::Oltp, Way::Analytic)),
        };
        let is_trial = self.is_trial(&decision);
        let held = self.statements.get(parse.name);
        let taken = !parse.name.is_empty() && held.is_some();
        // Where the default backend has the name too, it says itself that it is taken.
        let says_so = held.is_some_and(|statement| statement.on_oltp);
        let (parsed, settings) = (self.shared.number(), self.settings_number());
        // What EXECUTE runs is each client's own.
        let executed = match &facts.session {
            SessionEffect::Execute(name) => Some(name.clone()),
            _ => None,
        };
        let settings = executed.as_ref().map_or(settings, |_| parsed | 1 << 63);
        let key = || {
            Arc::new(StatementKey {
                text: parse.text.into(),
                types: parse.types.into(),
                settings,
            })
        };
        let after = self.pipeline.pushed();
        let made = |key, facts, on_oltp, local| ClientStatement {
            key,
            facts,
            name: parse.name.into(),
            after,
            parsed,
            shape: None,
            adapted: None,
            on_oltp,
            local,
        };
        if self.pooled && !self.statements.has_room_for(parse.name) {
            return Ok(self.fail_batch(&too_many_statements()));
        }
        let stepped = way.is_ok().then(|| self.is_stepped(&facts)).flatten();
        let by_router = self.is_transaction_edge(&facts) || stepped.is_some();
        if !taken && by_router && !self.is_prepared_by_sql(parse.name) {
            if self.is_unsettled() {
                return Ok(Step::Wait);
            }
            if let Some(stepped) = stepped.filter(|_| is_trial) {
                match self.try_copy(stepped, &facts, parse.text).await {
                    Ok(true) => return Ok(Step::Wait),
                    Ok(false) => {}
                    Err(error) => return Ok(self.fail_batch(&error)),
                }
            }
            let statement = made(key(), facts, false, None);
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
                    let gone = made(key, facts, false, local);
                    self.statements.insert(parse.name, gone);
                }
                Ok(self.fail_batch(&refused))
            }
            Ok(Way::Oltp)
                if local.is_none()
                    && self.pooled
                    && !says_so
                    && (taken || !self.is_prepared_by_sql(parse.name)) =>
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
                // What its rows look like is seen when it is parsed.
                if let Some(name) = executed.filter(|_| !self.view.failed) {
                    self.batch.oltp_used = true;
                    self.expose_statement(&name);
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
                let statement = made(key, facts, false, None);
                self.remember(parse.name, statement);
                Ok(Step::Done)
            }
            Ok(Way::Oltp) if local.is_none() && (!taken || says_so) => {
                let step = self.pass_to_oltp(frame, Expect::Parse).await?;
                if step == Step::Done && !taken && !self.skipping {
                    let statement = made(key(), facts, true, None);
                    self.remember(parse.name, statement);
                }
                Ok(step)
            }
            Ok(_) if taken && self.view.failed && !is_taken_when_failed(&facts) => {
                Ok(self.fail_batch(&in_failed_transaction()))
            }
            Ok(_) if taken => Ok(self.fail_batch(&duplicate(parse.name))),
            Ok(Way::Oltp) => {
                let statement = made(key(), facts, false, local);
                self.answer(PARSE_COMPLETE);
                self.remember(parse.name, statement);
                Ok(Step::Done)
            }
            Ok(Way::Analytic(proof)) => {
                if let Err(error) = self.check_text(proof, parse.text, &facts) {
                    return Ok(self.fail_batch(&error));
                }
                let key = key();
                let Some(step) = self.enter_analytic(proof).await else {
                    return Ok(Step::Wait);
                };
                if step == Step::Done && !self.skipping {
                    let named = !parse.name.is_empty();
                    let adapted = self.adapt(&key);
                    let there = adapted.as_ref().map_or(&key, |adapted| &adapted.key);
                    if is_trial && self.prepare_analytic(there, named, To::Errors).1 {
                        // Not before it is understood may anything follow that would have to be said again elsewhere.
                        self.begin_trial(&facts, None);
                        self.sync_analytic();
                        return Ok(Step::Wait);
                    }
                    if !self.prepare_analytic(there, named, To::Client).1 {
                        self.answer(PARSE_COMPLETE);
                    }
                    let mut statement = made(key, facts, false, None);
                    statement.adapted = adapted;
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
    pub(super) fn forget(&mut self, name: &[u8]) {
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
        if self.pipeline.doubts_statement(names.statement) && self.is_unsettled() {
            return Ok(Step::Wait);
        }
        let Some(statement) = self.statements.get(names.statement).cloned() else {
            if let Some(step) = self.hide_from_stranger(names.statement).await {
                return Ok(step);
            }
            return self.pass_bind(frame, total, names.portal, None).await;
        };
        if let Some(step) = self.waits_for_path(&statement.facts).await {
            return Ok(step);
        }
        if statement.local == Some(LocalCommand::Gone) {
            return Ok(self.fail_batch(&no_unnamed()));
        }
        if let Some(stepped) = self.is_stepped(&statement.facts) {
            return Ok(self.bind_stepped(body, total, stepped, &statement));
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
            if let Some(error) = given_too_many(body, &names) {
                return Ok(self.fail_batch(&error));
            }
            self.statements.open(names.portal, Portal::Local(command));
            self.answer(BIND_COMPLETE);
            return Ok(Step::Done);
        }
        let plain = body.get(names.portal.len() + names.statement.len() + 2..);
        let plain = plain.is_some_and(|rest| rest.starts_with(&[0; 4]));
        // In a failed transaction it could not be prepared there any more for the server to say so.
        if *statement.key.types == [0, 0]
            && !statement.on_oltp
            && is_edge(&statement.facts)
            && let Some(error) = given_too_many(body, &names)
        {
            if self.is_unsettled() {
                return Ok(Step::Wait);
            }
            return Ok(self.fail_batch(&error));
        }
        // One that the router has answered is known to no server.
        if let Some(Portal::Local(_) | Portal::Done) = self.statements.portal(names.portal)
            && !names.portal.is_empty()
            && !self.view.failed
        {
            if self.is_unsettled() {
                return Ok(Step::Wait);
            }
            let taken = cursors::exists(&String::from_utf8_lossy(names.portal));
            return Ok(self.fail_batch(&taken));
        }
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
                    self.prepare_ground(&statement.facts, &statement.key.text)
                        .await;
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
        if let Err(error) = self.check_text(proof, &statement.key.text, &statement.facts) {
            return Ok(self.fail_batch(&error));
        }
        let Some(step) = self.enter_analytic(proof).await else {
            return Ok(Step::Wait);
        };
        if step == Step::Done && !self.skipping {
            let is_trial = self.is_trial(&decision);
            let opened = match self.bind_adapted(frame, total, &names, &statement, is_trial) {
                Ok(opened) => opened,
                Err(step) => return Ok(step),
            };
            if opened.is_none() {
                let named = !names.statement.is_empty();
                let prepared = self.prepare_analytic(&statement.key, named, To::Errors);
                self.put_renamed_bind(Side::Analytic, frame, total, &prepared.0);
                self.pipeline.uses_last(&statement.key, &statement.name);
            }
            if opened.is_none() {
                self.taint_by_portal(names.portal);
            }
            self.note_write(Some(proof));
            self.open_portal(names.portal, Side::Analytic, &statement);
            self.statements.adapt_portal(names.portal, opened);
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
        let ran = Ran::Open;
        let remote = Portal::Remote {
            side,
            facts,
            key,
            ran,
            opened: None,
        };
        self.statements.open(portal, remote);
    }

    /// A name that the session has no statement of: nor may it meet another session's on the connection. `None` when the message may go
    /// to the default backend, which says that there is no such statement.
    pub(super) async fn hide_from_stranger(&mut self, name: &[u8]) -> Option<Step> {
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
}

/// The error of a Bind with values for a statement that takes none.
fn given_too_many(body: &[u8], names: &BindNames<'_>) -> Option<ClientError> {
    let rest = body.get(names.portal.len() + names.statement.len() + 2..);
    match rest.and_then(frontend::bind_parameters) {
        Some(0) => None,
        given => Some(wrong_parameters(
            names.statement,
            given.unwrap_or_default(),
            0,
        )),
    }
}

/// Whether a failed transaction takes a statement.
fn is_taken_when_failed(facts: &StatementFacts) -> bool {
    matches!(&facts.session, SessionEffect::Transaction(control) if heals(control))
}
