//! How does the extended protocol speak of statements that the router runs in steps?
//!
//! Their Parse and Bind are answered here and their steps sent at Execute, once all before is answered: only then is it certain which
//! cursors there are and where they stand. A portal of the protocol may also be asked for by a cursor's name, as on PostgreSQL, where the two
//! are one; psycopg does so.

use std::sync::Arc;

use super::dispatch::Prepare;
use super::errors::wrong_parameters;
use super::pipeline::{Expect, Made, Side, To};
use super::portals::{CLOSE_COMPLETE, NO_DATA, NO_PARAMETERS};
use super::prepared::StatementKey;
use super::statements::{Bound, ClientStatement, Portal};
use super::steps::{Progress, Run, Stepped};
use super::{Session, Step};
use crate::error::ClientError;
use crate::limits::BIND_NAMES_BYTES_MAX;
use crate::protocol::frame::HEADER_BYTES;
use crate::protocol::frontend::{self, Named};
use crate::protocol::sqlstate::{PROGRAM_LIMIT_EXCEEDED, PROTOCOL_VIOLATION};
use crate::sql::{self, SessionEffect, StatementFacts};

const BIND_COMPLETE: &[u8] = b"2\0\0\0\x04";

impl Session {
    /// `Bind` of such a statement.
    pub(super) fn bind_stepped(
        &mut self,
        body: &[u8],
        total: usize,
        stepped: Stepped,
        statement: &ClientStatement,
    ) -> Step {
        let ready = match statement.facts.session {
            SessionEffect::Fetch(_) => self.may_swap(),
            _ => !self.is_unsettled(),
        };
        if !ready {
            return Step::Wait;
        }
        // Its parameters are kept, and a longer Bind is not here whole.
        if total > BIND_NAMES_BYTES_MAX || total > body.len() + HEADER_BYTES {
            let message = format!(
                "the parameters of {} over analytic relations are {total} bytes long, at most {BIND_NAMES_BYTES_MAX} are allowed",
                statement.facts.kind.to_uppercase()
            );
            return self.fail_batch(&ClientError::refused(PROGRAM_LIMIT_EXCEEDED, message));
        }
        let halves = frontend::bind_names(body).and_then(|names| {
            let rest = body.get(names.portal.len() + names.statement.len() + 2..)?;
            Some((names, frontend::bind_halves(rest)?))
        });
        let Some((names, (values, formats))) = halves else {
            let message = "invalid Bind message";
            let error = ClientError::refused(PROTOCOL_VIOLATION, message);
            return self.fail_batch(&error);
        };
        let given = frontend::bind_parameters(values).unwrap_or_default();
        let declares = matches!(statement.facts.session, SessionEffect::Declare { .. });
        if given > 0 && !declares {
            return self.fail_batch(&wrong_parameters(names.statement, given, 0));
        }
        if let Stepped::Declare(proof) = stepped
            && let Some(query) = self.query_of(statement)
            && let Err(error) =
                self.check_halves(proof.backend(), &query, (values, formats), names.statement)
        {
            return self.fail_batch(&error);
        }
        if let SessionEffect::Fetch(name) = &statement.facts.session {
            match self.reformat(name, formats) {
                Ok(Progress::Sent) => {}
                Ok(Progress::Again) => {
                    self.flush_once();
                    return Step::Wait;
                }
                Err(error) => return self.fail_batch(&error),
            }
        }
        let portal = Portal::Stepped {
            facts: Arc::clone(&statement.facts),
            key: Arc::clone(&statement.key),
            bound: Arc::new(Bound {
                values: values.into(),
                formats: formats.into(),
            }),
        };
        self.statements.open(names.portal, portal);
        self.answer(BIND_COMPLETE);
        Step::Done
    }

    /// `Describe` of such a statement.
    pub(super) async fn describe_stepped(
        &mut self,
        stepped: Stepped,
        statement: &ClientStatement,
    ) -> Result<Step, super::End> {
        if !self.may_swap() {
            return Ok(Step::Wait);
        }
        if let Stepped::Declare(proof) = stepped
            && let Some(query) = self.query_of(statement)
        {
            let Some(step) = self.enter_analytic(proof).await else {
                return Ok(Step::Wait);
            };
            if step == Step::Done && !self.skipping {
                self.describe_query(query);
            }
            return Ok(step);
        }
        self.answer(NO_PARAMETERS);
        Ok(self.describe_rows(&statement.facts, &statement.key.text))
    }

    /// The query of a DECLARE, with the parameters that it was prepared with.
    fn query_of(&self, statement: &ClientStatement) -> Option<Arc<StatementKey>> {
        let declared = sql::declared(&statement.key.text, self.dialect)?;
        Some(Arc::new(StatementKey {
            text: statement.key.text.get(declared.query)?.into(),
            types: statement.key.types.clone(),
            settings: self.settings_number(),
        }))
    }

    /// The parameters are those of the cursor's query, and a DECLARE has no rows.
    fn describe_query(&mut self, query: Arc<StatementKey>) {
        let adapted = self.adapt(&query);
        let key = adapted.as_ref().map_or(query, |a| Arc::clone(&a.key));
        let mut prepare = Prepare::anywhere(&key, false);
        prepare.fresh = true;
        let name = self.prepare(Side::Analytic, &prepare, To::Errors).0;
        if let Some(conn) = self.conn(Side::Analytic) {
            let named = Named::Statement(name.as_bytes());
            frontend::put_named(&mut conn.wire.out, b'D', named);
        }
        self.pushed(Expect::Describe, Side::Analytic);
        if let Some(adapted) = &adapted {
            self.pipeline.adapts_last(adapted);
        }
        self.pipeline.makes_last(Made::NoRows);
    }

    /// `Describe` of its portal.
    pub(super) fn describe_stepped_portal(&mut self, facts: &StatementFacts, text: &[u8]) -> Step {
        if self.may_swap() {
            self.describe_rows(facts, text)
        } else {
            Step::Wait
        }
    }

    fn describe_rows(&mut self, facts: &StatementFacts, text: &[u8]) -> Step {
        let SessionEffect::Fetch(name) = &facts.session else {
            self.answer(NO_DATA);
            return Step::Done;
        };
        if sql::fetched(text, self.dialect).is_some_and(|fetched| fetched.moves) {
            self.answer(NO_DATA);
            return Step::Done;
        }
        self.described(name)
    }

    /// The cursor that a portal's name stands for, if it is the router's.
    pub(super) fn cursor_named(&self, portal: &[u8]) -> Option<String> {
        let name = std::str::from_utf8(portal).ok()?;
        self.cursors.get(name).map(|_| name.to_owned())
    }

    /// `Describe` of a portal by a cursor's name.
    pub(super) fn describe_cursor_portal(&mut self, portal: &[u8]) -> Step {
        if !self.may_swap() {
            return Step::Wait;
        }
        match self.cursor_named(portal) {
            Some(name) => self.described(&name),
            None => Step::Done,
        }
    }

    fn described(&mut self, name: &str) -> Step {
        match self.describe_cursor(name) {
            Ok(()) => Step::Done,
            Err(error) => self.fail_batch(&error),
        }
    }

    /// `Close` of a portal by a cursor's name.
    pub(super) fn close_cursor_portal(&mut self, portal: &[u8]) -> Step {
        if !self.may_swap() {
            return Step::Wait;
        }
        if let Some(name) = self.cursor_named(portal) {
            self.drop_cursor(&name);
        }
        self.answer(CLOSE_COMPLETE);
        Step::Done
    }

    /// `Execute` of its portal.
    pub(super) async fn execute_stepped(
        &mut self,
        portal: &[u8],
        facts: &Arc<StatementFacts>,
        run: Run<'_>,
    ) -> Result<Step, super::End> {
        if !self.may_swap() {
            return Ok(Step::Wait);
        }
        let mut decision = self.route(facts);
        let Some(stepped) = self.stepped(facts, &decision) else {
            let gone = match &decision.outcome {
                Err(refused) => (**refused).clone(),
                Ok(_) => super::errors::cannot_be_run(portal),
            };
            return Ok(self.fail_batch(&gone));
        };
        if let Stepped::Declare(proof) | Stepped::Copy(proof) = stepped
            && !self.analytic_is_free_for(proof.backend())
        {
            return Ok(Step::Wait);
        }
        match self.run_stepped(stepped, run).await {
            Ok(Progress::Again) => {
                self.flush_once();
                return Ok(Step::Wait);
            }
            Ok(Progress::Sent) => self.statements.open(portal, Portal::Done),
            Err(error) => return Ok(self.fail_batch(&error)),
        }
        self.note_backend(stepped, &mut decision);
        self.record(run.text, facts, decision);
        Ok(Step::Done)
    }

    /// Whether another connection may be brought to hand: nothing is under way, and what the batch has sent to the analytic side so far
    /// is brought to its end.
    pub(super) fn may_swap(&mut self) -> bool {
        if self.is_unsettled() {
            return false;
        }
        if std::mem::take(&mut self.batch.analytic_used) {
            self.sync_analytic();
            return false;
        }
        true
    }
}
