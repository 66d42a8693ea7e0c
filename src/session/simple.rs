//! How is a Query string worked off?
//!
//! A string that goes to the default backend whole is passed on untouched, which is what happens to all but a few. A string whose
//! statements disagree is run in order, run by run, inside one transaction on the default backend, as PostgreSQL treats
//! a string (<https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT>); the first error ends it,
//! and there is one ReadyForQuery.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use super::backends::ABORT;
use super::batch::{Batch, FailedBy, Part, Parts, Script};
use super::local::LocalCommand;
use super::pipeline::{Expect, Side, To};
use super::steps::{Progress, Run, Stepped};
use super::{End, LastRoute, Session, Step};
use crate::admin::BackendStatus;
use crate::error::ClientError;
use crate::limits::STATEMENTS_PER_QUERY_MAX;
use crate::protocol::{compose, frontend};
use crate::routing::{self, Decision, Reason};
use crate::sql::{self, Effect, SessionEffect, StatementFacts};

/// Bytes of a statement that `SHOW tidegate.last_route` remembers.
const LAST_ROUTE_TEXT_BYTES: usize = 1024;

impl Session {
    /// `Query`.
    pub(super) async fn on_query(&mut self, frame: &BytesMut, body: &[u8]) -> Result<Step, End> {
        let Some(text) = frontend::query(body) else {
            return Err(End::Told(ClientError::protocol(
                "invalid string in message",
            )));
        };
        if !self.finish_batch_before_query() {
            return Ok(Step::Wait);
        }
        self.statements.remove(b"");
        let ranges = sql::split_with(text, &self.dialect);
        if ranges.is_empty() || ranges.len() > STATEMENTS_PER_QUERY_MAX {
            return Ok(self.query_oltp(frame, text, &[]).await);
        }
        let mut parts = Parts::with_capacity(ranges.len());
        for range in ranges {
            let facts = self.facts(text.get(range.clone()).unwrap_or_default());
            parts.push(Part { range, facts });
        }
        if parts.iter().any(|part| self.needs_path(&part.facts)) {
            if let Err(error) = self.ask_path().await {
                self.fail_deferred();
                self.refuse_query(&error);
                return Ok(Step::Done);
            }
            if !self.pipeline.is_empty() {
                return Ok(Step::Wait);
            }
        }
        if let [part] = parts.as_slice()
            && self.may_defer(&part.facts)
        {
            let facts = Arc::clone(&part.facts);
            let one = text.get(part.range.clone()).unwrap_or_default();
            let decision = self.route(&facts);
            self.record(one, &facts, decision);
            return Ok(self.query_deferred(&facts, one));
        }
        if let Some(decisions) = self.all_oltp(&parts, text) {
            for (part, decision) in parts.iter().zip(decisions) {
                let one = text.get(part.range.clone()).unwrap_or_default();
                self.record(one, &part.facts, decision);
            }
            return Ok(self.query_oltp(frame, text, &parts).await);
        }
        if self.batch.oltp_used {
            self.end_implicit_transaction(&parts);
            return Ok(Step::Wait);
        }
        self.batch = Batch::default();
        Box::pin(self.run_apart(text, parts)).await
    }

    /// Whether a batch of the extended protocol that is still open leaves room for a Query, which ends it.
    fn finish_batch_before_query(&mut self) -> bool {
        if !self.pipeline.is_empty() {
            self.flush_once();
            return false;
        }
        if std::mem::take(&mut self.batch.analytic_used) {
            self.sync_analytic();
            return false;
        }
        true
    }

    /// A string that does not go to the default backend whole follows a batch there that no Sync has ended: the implicit transaction they
    /// would share is ended first, the way the string's first statement will end.
    fn end_implicit_transaction(&mut self, parts: &[Part]) {
        let refused = parts
            .first()
            .is_some_and(|part| self.route(&part.facts).outcome.is_err());
        self.batch = Batch::default();
        if refused {
            self.put_abort();
        }
        if let Some(conn) = self.conn(Side::Oltp) {
            frontend::put_sync(&mut conn.wire.out);
            self.pipeline.push(Expect::Sync, Side::Oltp, To::Errors);
        }
    }

    /// The decisions for all statements of a string, if all of them go to the default backend and none of them can change where
    /// a later one goes.
    fn all_oltp(&mut self, parts: &[Part], text: &[u8]) -> Option<SmallVec<[Decision; 1]>> {
        let mut decisions = SmallVec::with_capacity(parts.len());
        let (mut moved, mut healed) = (false, false);
        for part in parts {
            let statement = text.get(part.range.clone()).unwrap_or_default();
            let fit = healed || !self.view.failed;
            let local = fit && self.local(&part.facts, statement).is_some();
            let decision = self.route(&part.facts);
            let stepped = self.stepped(&part.facts, &decision).is_some();
            let claimable = |name: &str| self.snapshot.table.may_claim(name);
            let depends = moved
                && part
                    .facts
                    .relations
                    .iter()
                    .any(|used| claimable(&used.name.name));
            if local
                || stepped
                || depends
                || decision.target() != Some(self.snapshot.table.config.default)
            {
                return None;
            }
            // A failed transaction is the default backend's affair, until it ends or is healed.
            let ends_failure = self.view.failed && part.facts.effect == Effect::Transaction;
            healed |= ends_failure;
            moved |= ends_failure
                || matches!(
                    part.facts.effect,
                    Effect::Session | Effect::Define | Effect::Unknown
                )
                || part
                    .facts
                    .functions
                    .iter()
                    .any(|function| function.name == "set_config");
            decisions.push(decision);
        }
        Some(decisions)
    }

    /// Passes a string on to the default backend as it is.
    async fn query_oltp(&mut self, frame: &BytesMut, text: &[u8], parts: &[Part]) -> Step {
        if let Err(error) = self.need_oltp().await {
            self.refuse_query(&error);
            return Step::Done;
        }
        for part in parts {
            let one = text.get(part.range.clone()).unwrap_or_default();
            self.prepare_ground(&part.facts, one).await;
        }
        for part in parts {
            let one = text.get(part.range.clone()).unwrap_or_default();
            self.track(&part.facts, one);
        }
        // A string that was not looked into may do anything.
        if self.pooled && parts.is_empty() && !sql::split_with(text, &self.dialect).is_empty() {
            self.pin_for_unknown();
        }
        self.batch = Batch::default();
        self.point_cancel_at(Side::Oltp);
        if let Some(conn) = self.conn(Side::Oltp) {
            conn.wire.out.extend_from_slice(frame);
            conn.prepared.forget_unnamed();
            self.pipeline.push(Expect::Query, Side::Oltp, To::Client);
        }
        for part in parts {
            self.reset_application(&part.facts);
        }
        Step::Done
    }

    /// Runs a string whose statements do not all go to the default backend.
    async fn run_apart(&mut self, text: &[u8], parts: Parts) -> Result<Step, End> {
        // The common case: one read for an analytic backend, outside of a transaction.
        if let [part] = parts.as_slice()
            && self.status == b'I'
            && self.local(&part.facts, text).is_none()
            && self.is_stepped(&part.facts).is_none()
        {
            let decision = self.route(&part.facts);
            if self.is_trial(&decision) {
                return Ok(self.begin_script(text, parts, false));
            }
            let proof = decision.proof;
            let refused = decision.outcome.as_ref().err().cloned();
            self.record(text, &part.facts, decision);
            let fault = match (refused, proof) {
                (Some(refused), _) => Some(*refused),
                (None, Some(proof)) => {
                    let needed = self.need_analytic_for(proof, text, &part.facts);
                    needed.await.err()
                }
                (None, None) => None,
            };
            match fault {
                None => {
                    self.note_write(proof);
                    self.send_query(Side::Analytic, text, To::Client);
                    self.end_read_block();
                }
                Some(error) => {
                    compose::put_error(&mut self.client.out, &error);
                    self.put_ready();
                }
            }
            return Ok(Step::Done);
        }
        let controls = parts
            .iter()
            .any(|part| part.facts.effect == Effect::Transaction);
        let default = self.snapshot.table.config.default;
        let changes = parts.iter().any(|part| {
            !matches!(part.facts.effect, Effect::Read | Effect::Empty)
                && self.route(&part.facts).target() == Some(default)
                && self.is_stepped(&part.facts).is_none()
                && self
                    .local(
                        &part.facts,
                        text.get(part.range.clone()).unwrap_or_default(),
                    )
                    .is_none()
        });
        let wrapped = self.status == b'I' && !controls && changes;
        let step = self.begin_script(text, parts, wrapped);
        if wrapped {
            match self.need_oltp().await {
                Ok(()) => self.send_query(Side::Oltp, b"BEGIN", To::Nobody),
                Err(error) => self.fail_script(&error),
            }
        }
        Ok(step)
    }

    /// From now on a string is worked off run by run.
    fn begin_script(&mut self, text: &[u8], parts: Parts, wrapped: bool) -> Step {
        let defines = parts.iter().any(|part| {
            let one = text.get(part.range.clone()).unwrap_or_default();
            self.definition(&part.facts, one).is_some()
        });
        self.script = Some(Script {
            text: Bytes::copy_from_slice(text),
            at: 0,
            several: parts.len() > 1,
            defines,
            parts: parts.into_iter().collect(),
            wrapped,
            unwrapped: false,
            failed: None,
        });
        Step::Done
    }

    /// Goes on with a string after the replies to its last run are in.
    pub(super) async fn advance_script(&mut self) -> Result<(), End> {
        while self.pipeline.is_empty() && self.job.is_none() {
            let Some(script) = self.script.as_mut() else {
                return Ok(());
            };
            let failed_elsewhere = script.failed == Some(FailedBy::Other);
            let unheard_of = failed_elsewhere && self.fail_deferred();
            let Some(script) = self.script.as_mut() else {
                return Ok(());
            };
            if unheard_of {
                script.failed = Some(FailedBy::Oltp);
            } else if failed_elsewhere && self.status == b'T' {
                script.failed = Some(FailedBy::Oltp);
                self.send_query(Side::Oltp, ABORT.as_bytes(), To::Nobody);
            } else if script.failed.is_some() || script.parts.is_empty() {
                let (end, to) = match script.failed {
                    Some(_) => (&b"ROLLBACK"[..], To::Nobody),
                    None => (&b"COMMIT"[..], To::Errors),
                };
                if script.wrapped && !script.unwrapped && self.status != b'I' {
                    script.unwrapped = true;
                    self.send_query(Side::Oltp, end, to);
                } else {
                    let failed = script.failed.is_some();
                    self.script = None;
                    if self.status == b'I' {
                        self.cursors.end_transaction(failed);
                        self.own_settings.end_transaction(failed);
                    }
                    self.put_ready();
                    return Ok(());
                }
            } else {
                self.next_run().await;
            }
        }
        Ok(())
    }

    /// Sends the next statements of the string that go to the same backend.
    async fn next_run(&mut self) {
        let Some(part) = self
            .script
            .as_ref()
            .and_then(|script| script.parts.front().cloned())
        else {
            return;
        };
        if self.needs_path(&part.facts) {
            if let Err(error) = self.ask_path().await {
                self.fail_script(&error);
            } else {
                // If it could not be asked.
                self.path_stale = false;
                self.waits.stale = false;
            }
            return;
        }
        let Some(script) = self.script.as_mut() else {
            return;
        };
        script.parts.pop_front();
        script.at = part.range.start;
        let text = script.text.slice(part.range.clone());
        if script.defines && part.facts.kind == "set constraints" && !of_all_constraints(&text) {
            // Those of the definition beside it, which were left out.
            compose::put_command_complete(&mut self.client.out, "SET CONSTRAINTS");
            return;
        }
        if let Some(command) = self.local(&part.facts, &text)
            && !self.view.failed
        {
            if let LocalCommand::Define(text) = &command {
                return self.begin_job(text, true);
            }
            let answered = self.answer_local(&command, true);
            match answered {
                Ok(answer) => self.client.out.extend_from_slice(&answer),
                Err(error) => self.fail_script(&error),
            }
            return;
        }
        let decision = self.route(&part.facts);
        if let Some(stepped) = self.stepped(&part.facts, &decision) {
            return self.next_steps(stepped, part, &text, decision).await;
        }
        let (proof, refused) = (decision.proof, decision.outcome.as_ref().err().cloned());
        let is_trial = self.is_trial(&decision);
        self.record(&text, &part.facts, decision);
        let ready = match (refused, proof) {
            (Some(refused), _) => Err(*refused),
            (None, Some(proof)) => {
                let ready = self.need_analytic_for(proof, &text, &part.facts).await;
                ready.map(|()| Side::Analytic)
            }
            (None, None) => self.need_oltp().await.map(|()| Side::Oltp),
        };
        match ready {
            Ok(side) => {
                self.note_write(proof);
                if side == Side::Oltp {
                    self.prepare_ground(&part.facts, &text).await;
                    self.track(&part.facts, &text);
                    // Its ReadyForQuery will say so; there is no batch that could end before.
                    self.batch.began = false;
                }
                self.send_query(side, &text, To::ClientNotReady);
                if is_trial {
                    self.begin_trial(&Arc::clone(&part.facts), Some(part.clone()));
                }
                if side == Side::Oltp {
                    self.reset_application(&part.facts);
                }
            }
            Err(error) => self.fail_script(&error),
        }
    }

    /// Goes on with a statement of the string that the router runs in steps.
    async fn next_steps(
        &mut self,
        stepped: Stepped,
        part: Part,
        text: &[u8],
        mut decision: Decision,
    ) {
        let run = Run {
            text,
            facts: &part.facts,
            types: &[0, 0],
            bound: None,
            limit: 0,
        };
        let tried = match self.is_trial(&decision) {
            true => self.try_copy(stepped, &part.facts, text).await,
            false => Ok(false),
        };
        let progress = match tried {
            Ok(true) => Ok(Progress::Again),
            Ok(false) => self.run_stepped(stepped, run).await,
            Err(error) => Err(error),
        };
        match progress {
            Ok(Progress::Again) => {
                if let Some(script) = self.script.as_mut() {
                    script.parts.push_front(part);
                }
                return;
            }
            Ok(Progress::Sent) => {}
            Err(error) => self.fail_script(&error),
        }
        // An answer that nobody is waited for is due at once.
        self.emit_local();
        self.note_backend(stepped, &mut decision);
        self.record(text, &part.facts, decision);
    }

    pub(super) fn fail_script(&mut self, error: &ClientError) {
        compose::put_error(&mut self.client.out, error);
        if let Some(script) = self.script.as_mut() {
            script.failed = Some(FailedBy::Other);
        }
    }

    /// The command that a statement is, if it is the router's to answer.
    pub(super) fn local(&self, facts: &StatementFacts, text: &[u8]) -> Option<LocalCommand> {
        match &facts.session {
            SessionEffect::Deallocate(Some(name)) => {
                let held = self.statements.get(name.as_bytes());
                let elsewhere = held.is_some_and(|statement| !statement.on_oltp);
                elsewhere.then(|| LocalCommand::Deallocate(name.clone()))
            }
            SessionEffect::Set { .. } | SessionEffect::Reset(_) => {
                LocalCommand::of(facts, text).or_else(|| self.own_command(facts, text))
            }
            _ => LocalCommand::of(facts, text).or_else(|| self.definition(facts, text)),
        }
    }

    /// What a statement does, read as this session's strings are.
    pub(super) fn facts(&mut self, text: &[u8]) -> Arc<StatementFacts> {
        self.shared
            .facts
            .facts(text, self.dialect, &mut self.scratch)
    }

    /// Decides where a statement goes, and how long that took.
    pub(super) fn route(&self, facts: &StatementFacts) -> Decision {
        let begun = Instant::now();
        let decision = self.decide(facts);
        self.shared.metrics.route_seconds.record(begun.elapsed());
        decision
    }

    /// Takes note of a decision that is being acted on.
    pub(super) fn record(&mut self, text: &[u8], facts: &Arc<StatementFacts>, decision: Decision) {
        self.statements_run += 1;
        self.trial = None;
        let table = &self.snapshot.table;
        let target = decision
            .target()
            .map_or("none", |index| table.backend_name(index));
        let last = &mut self.last_counted;
        self.shared
            .metrics
            .statement(target, facts.kind, decision.reason, last);
        if decision.outcome.is_err() {
            self.shared.metrics.refused(decision.reason);
        }
        if let Some(hits) = decision
            .rule
            .and_then(|rule| self.snapshot.rule_hits.get(rule.0))
        {
            hits.increment(1);
        }
        if table.config.log.sql {
            let statement = String::from_utf8_lossy(text);
            tracing::info!(user = self.view.user, target, reason = decision.reason.as_str(), %statement, "routed");
        }
        let kept = text.get(..LAST_ROUTE_TEXT_BYTES).unwrap_or(text);
        let mut remembered = self
            .last_route
            .take()
            .map(|last| last.text)
            .unwrap_or_default();
        remembered.clear();
        remembered.extend_from_slice(kept);
        self.last_route = Some(LastRoute {
            text: remembered,
            facts: Arc::clone(facts),
            decision,
        });
    }

    /// The answer to a statement that is the router's, RowDescription included where `described`.
    pub(super) fn answer_local(
        &mut self,
        command: &LocalCommand,
        described: bool,
    ) -> Result<Bytes, ClientError> {
        use super::local;
        let table = Arc::clone(&self.snapshot.table);
        let mut out = BytesMut::new();
        if described && command.has_rows() {
            command.put_columns(&mut out);
        }
        match command {
            LocalCommand::ExplainRoute { text, verbose } => {
                let begun = Instant::now();
                let facts = self.facts(text);
                let decision = self.decide(&facts);
                let took = begun.elapsed();
                let text = String::from_utf8_lossy(text);
                let told = routing::explain_decision(&text, &facts, &decision, &self.view, &table);
                let told = told.took(took);
                local::put_route(&mut out, Some(&told), *verbose, "EXPLAIN");
            }
            LocalCommand::Show(name) if name == "last_route" => {
                let explained = self.last_route.as_ref().map(|last| {
                    let text = String::from_utf8_lossy(&last.text);
                    routing::explain_decision(
                        &text,
                        &last.facts,
                        &last.decision,
                        &self.view,
                        &table,
                    )
                });
                local::put_route(&mut out, explained.as_ref(), false, "SHOW");
            }
            LocalCommand::Show(name) if name == "to" => {
                compose::put_text_row(&mut out, &[Some(local::shown_hint(&self.view))]);
                compose::put_command_complete(&mut out, "SHOW");
            }
            LocalCommand::Show(name) if name == "pins" => self.put_pins(&mut out),
            LocalCommand::Show(name) if name == "backends" => {
                local::put_backends(&mut out, &BackendStatus::all(&self.snapshot));
            }
            LocalCommand::Show(name) => return Err(local::unknown(name)),
            LocalCommand::Set { name, value, local } => {
                let before = self.view.hint.clone();
                local::set(&mut self.view, &table, name, value.as_deref())?;
                self.on_hint_set(before, *local);
                compose::put_command_complete(&mut out, "SET");
            }
            LocalCommand::Reset(name) => {
                let before = self.view.hint.clone();
                local::set(&mut self.view, &table, name, None)?;
                self.on_hint_set(before, false);
                compose::put_command_complete(&mut out, "RESET");
            }
            LocalCommand::ResetOwn { name, local, kind } => {
                self.set_own(name, None, *local);
                compose::put_command_complete(&mut out, &kind.to_uppercase());
            }
            // Bind, Describe and Execute deal with them before they get here.
            LocalCommand::Gone | LocalCommand::Transaction { .. } | LocalCommand::Define(_) => {}
            LocalCommand::Deallocate(name) => {
                self.statements.remove(name.as_bytes());
                compose::put_command_complete(&mut out, "DEALLOCATE");
            }
        }
        self.shared
            .metrics
            .statement("router", "tidegate", Reason::Local, &mut None);
        Ok(out.freeze())
    }
}

/// `SET CONSTRAINTS ALL …`
fn of_all_constraints(text: &[u8]) -> bool {
    let words = String::from_utf8_lossy(text).to_ascii_lowercase();
    words.split_whitespace().any(|word| word == "all")
}
