//! Which statements does the router run in steps of its own?
//!
//! Those that PostgreSQL's clients know and an analytic engine does not: cursors over analytic relations, and COPY where the engine's is
//! another. A cursor is a portal that the router binds, executes and closes for the client, see [`super::cursors`]; a COPY is a
//! query whose rows are turned into COPY data, see [`super::copy_out`]. Each step is sent like a message of the client's own, in the
//! simple protocol with a Sync behind it, and its reply is made into what PostgreSQL would say.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use super::adapted::{Adapted, Opened};
use super::cursors::{self, Plan};
use super::pipeline::{Expect, Made, Side, To};
use super::portals::NO_DATA;
use super::prepared::StatementKey;
use super::statements::{Portal, Ran};
use super::stepped_bind::{Form, Known};
use super::{End, Session};
use crate::error::ClientError;
use crate::protocol::frontend::{self, Named};
use crate::protocol::sqlstate::{
    FEATURE_NOT_SUPPORTED, INVALID_CURSOR_NAME, NO_ACTIVE_TRANSACTION, SYNTAX_ERROR,
};
use crate::protocol::{backend, compose};
use crate::routing::{Decision, Proof};
use crate::sql::{self, SessionEffect, StatementFacts};

/// A statement that is run in steps.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stepped {
    /// `DECLARE` over relations of that backend.
    Declare(Proof),
    /// `DECLARE` with the name of a cursor of the router's.
    Taken,
    /// `FETCH` or `MOVE` of such a cursor.
    Fetch,
    /// `CLOSE` of one.
    Close,
    /// `COPY … TO STDOUT` from a backend that does not know it.
    Copy(Proof),
}

/// A statement of the client's, and what came with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    /// Its text.
    pub(super) text: &'a [u8],
    /// What it does.
    pub(super) facts: &'a StatementFacts,
    /// Count and types of its parameters, as in Parse.
    pub(super) types: &'a [u8],
    /// Formats and values of parameters, and formats of the rows, as in Bind; nothing in the simple protocol.
    pub(super) bound: Option<(&'a [u8], &'a [u8])>,
    /// How many rows its Execute wants at most; 0 for all.
    pub(super) limit: i32,
}

/// How far it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// All was sent.
    Sent,
    /// It is to be run again once what is under way is done.
    Again,
}

/// No parameters, as in Bind.
pub(super) const NO_VALUES: &[u8] = &[0; 4];

impl Run<'_> {
    pub(super) fn to(&self) -> To {
        match self.bound {
            Some(_) => To::Client,
            None => To::ClientNotReady,
        }
    }
}

impl Session {
    /// Whether a statement is run in steps. `decision` is where it would go.
    pub(super) fn stepped(&self, facts: &StatementFacts, decision: &Decision) -> Option<Stepped> {
        if self.view.failed {
            return None;
        }
        let own = |name: &str| self.cursors.get(name).is_some();
        match &facts.session {
            SessionEffect::Declare { name, .. } if own(name) => Some(Stepped::Taken),
            SessionEffect::Declare { .. } => decision.proof.map(Stepped::Declare),
            SessionEffect::Fetch(name) if own(name) => Some(Stepped::Fetch),
            SessionEffect::Fetch(name) if facts.kind == "move" => {
                self.analytic_portal(name).map(|_| Stepped::Fetch)
            }
            SessionEffect::Close(Some(name)) if own(name) => Some(Stepped::Close),
            SessionEffect::None if facts.kind == "copy" => {
                let proof = decision.proof?;
                let backend = self.snapshot.backends.get(proof.backend())?;
                (!backend.dialect.copies_out()).then_some(Stepped::Copy(proof))
            }
            _ => None,
        }
    }

    /// The same for a statement that was not routed yet.
    pub(super) fn is_stepped(&self, facts: &StatementFacts) -> Option<Stepped> {
        let candidate = facts.kind == "copy"
            || matches!(
                facts.session,
                SessionEffect::Declare { .. } | SessionEffect::Fetch(_) | SessionEffect::Close(_)
            );
        candidate
            .then(|| self.stepped(facts, &self.route(facts)))
            .flatten()
    }

    /// Sends the steps of a statement, or as many as can be sent now. Nothing else must be under way.
    ///
    /// # Errors
    /// With what the client is to be told.
    pub(super) async fn run_stepped(
        &mut self,
        stepped: Stepped,
        run: Run<'_>,
    ) -> Result<Progress, ClientError> {
        if let Stepped::Declare(proof) | Stepped::Copy(proof) = stepped {
            self.check_text(proof, run.text, run.facts)?;
        }
        match (stepped, &run.facts.session) {
            (Stepped::Declare(proof), SessionEffect::Declare { name, hold }) => {
                return self.declare(proof, name, *hold, run).await;
            }
            (Stepped::Taken, SessionEffect::Declare { name, .. }) => {
                return Err(cursors::exists(name));
            }
            (Stepped::Fetch, SessionEffect::Fetch(name)) => return self.fetch(name, run),
            (Stepped::Close, SessionEffect::Close(Some(name))) => self.close_cursor(name, run),
            (Stepped::Copy(proof), _) => return self.copy(proof, run).await,
            _ => {}
        }
        Ok(Progress::Sent)
    }

    /// The statement of a portal that the client has bound on the analytic side, and whether it was run to its end.
    fn analytic_portal(&self, name: &str) -> Option<(Arc<StatementKey>, bool)> {
        match self.statements.portal(name.as_bytes()) {
            Some(Portal::Remote {
                side: Side::Analytic,
                key,
                ran,
                ..
            }) => Some((Arc::clone(key), *ran == Ran::Ended)),
            _ => None,
        }
    }

    /// What is done to the rows of a portal that the client has bound there.
    fn opened_portal(&self, name: &[u8]) -> Option<Arc<Opened>> {
        match self.statements.portal(name) {
            Some(Portal::Remote { opened, .. }) => opened.clone(),
            _ => None,
        }
    }

    async fn declare(
        &mut self,
        proof: Proof,
        name: &str,
        hold: bool,
        run: Run<'_>,
    ) -> Result<Progress, ClientError> {
        let Some(declared) = sql::declared(run.text, self.dialect) else {
            return Err(syntax_error(""));
        };
        let in_string = self.script.as_ref().is_some_and(|script| script.several);
        if !hold && self.status != b'T' && !self.batch.began && !in_string {
            let message = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(ClientError::refused(NO_ACTIVE_TRANSACTION, message));
        }
        if declared.scroll {
            let message = "SCROLL cursors are not supported over analytic relations";
            return Err(ClientError::refused(FEATURE_NOT_SUPPORTED, message)
                .hint("Leave SCROLL out and fetch forward only, or read the rows at once."));
        }
        let key = Arc::new(StatementKey {
            text: run.text.get(declared.query).unwrap_or_default().into(),
            types: run.types.into(),
            settings: self.settings_number(),
        });
        let formats = [0, 1, 0, u8::from(declared.binary)];
        let values = run.bound.map_or(NO_VALUES, |(values, _)| values);
        if run.bound.is_none() {
            self.check_none(proof.backend(), &key.text)?;
        }
        let form = match self.form(proof.backend(), &key, (values, &formats))? {
            Form::Known(form) => form,
            Form::Unknown(adapted) => return self.ask_first(proof, &adapted, run).await,
        };
        let number = self.cursors.declare(name, &key, (values, &formats), hold)?;
        let connected = if hold {
            self.need_apart(proof, number).await
        } else {
            self.need_analytic(proof).await
        };
        if let Err(error) = connected {
            self.cursors.lose(number);
            return Err(error);
        }
        if let Some(leased) = self.leased.as_mut() {
            leased.open_cursors.push(number);
        }
        self.bind_cursor(number, form);
        self.complete("DECLARE CURSOR", run);
        Ok(Progress::Sent)
    }

    /// Asks the engine about the query of a statement before it is run.
    pub(super) async fn ask_first(
        &mut self,
        proof: Proof,
        adapted: &Arc<Adapted>,
        run: Run<'_>,
    ) -> Result<Progress, ClientError> {
        self.need_analytic(proof).await?;
        self.ask_form(adapted);
        self.end_steps(run);
        Ok(Progress::Again)
    }

    /// Binds the portal that a cursor is, and sees to it that its columns are known before rows of it come.
    fn bind_cursor(&mut self, number: u64, form: Known) {
        let portal = cursors::portal(number);
        let opened = self.put_bound(portal.as_bytes(), form);
        self.pipeline.makes_last(Made::Declared(number));
        if opened.as_ref().is_some_and(|o| o.columns.get().is_none()) {
            self.put_step(b'D', portal.as_bytes(), To::Errors);
            self.opened_step(opened.as_ref());
        }
        self.cursors.open(number, opened);
    }

    pub(super) fn push_step(&mut self, expect: Expect, to: To) {
        self.point_cancel_at(Side::Analytic);
        self.pipeline.push(expect, Side::Analytic, to);
        self.batch.flushed = false;
        self.batch.analytic_used = true;
    }

    pub(super) fn put_step(&mut self, tag: u8, portal: &[u8], to: To) {
        let expect = match tag {
            b'D' => Expect::Describe,
            _ => Expect::Close,
        };
        if let Some(conn) = self.conn(Side::Analytic) {
            frontend::put_named(&mut conn.wire.out, tag, Named::Portal(portal));
        }
        self.push_step(expect, to);
    }

    pub(super) fn put_execution(&mut self, portal: &[u8], limit: i32, to: To, made: Made) {
        if let Some(conn) = self.conn(Side::Analytic) {
            frontend::put_execute(&mut conn.wire.out, portal, limit);
        }
        self.push_step(Expect::Execute, to);
        self.pipeline.makes_last(made);
    }

    /// Ends the steps with the router's own CommandComplete.
    fn complete(&mut self, tag: &str, run: Run<'_>) {
        let mut out = BytesMut::new();
        compose::put_command_complete(&mut out, tag);
        self.pipeline.push_local(out.freeze(), false);
        self.end_steps(run);
    }

    /// In the simple protocol nobody else sends a Sync.
    pub(super) fn end_steps(&mut self, run: Run<'_>) {
        if run.bound.is_none() && std::mem::take(&mut self.batch.analytic_used) {
            self.sync_analytic();
        }
    }

    fn fetch(&mut self, name: &str, run: Run<'_>) -> Result<Progress, ClientError> {
        let Some(fetched) = sql::fetched(run.text, self.dialect) else {
            return Err(syntax_error(""));
        };
        if let Some((key, ended)) = self.analytic_portal(name) {
            let there = self.portal_there(name.as_bytes());
            self.cursors.adopt(name, &key, ended, there);
        }
        let own = self.opened_portal(name.as_bytes());
        let Some(cursor) = self.cursors.get_mut(name) else {
            return Err(no_cursor(name));
        };
        let (number, portal) = (cursor.number, cursor.portal());
        let opened = cursor.opened().cloned().or(own);
        let opened = opened.as_ref().filter(|_| !fetched.moves);
        let plan = cursor.plan(name, fetched)?;
        let fits = |take| run.limit <= 0 || fetched.moves || (1..run.limit).contains(&take);
        if matches!(plan, Plan::Go { take, .. } if !fits(take)) {
            let message =
                "a row limit below the rows of FETCH is not supported over analytic relations";
            return Err(ClientError::refused(FEATURE_NOT_SUPPORTED, message)
                .hint("Let FETCH say how many rows are wanted."));
        }
        if !self.reach_cursor(number) {
            return Err(no_cursor(name));
        }
        let tag = if fetched.moves { "MOVE" } else { "FETCH" };
        let (portal, describes) = (portal.as_bytes(), !fetched.moves && run.bound.is_none());
        match plan {
            Plan::Nothing { counted } => {
                if describes {
                    self.put_step(b'D', portal, run.to());
                    self.opened_step(opened);
                }
                self.complete(&format!("{tag} {counted}"), run);
            }
            // A portal that ends within these rows might begin again if it were executed once more, so it is looked first.
            Plan::Go { skip, take } if skip > 0 => {
                let made = Made::Fetched {
                    cursor: number,
                    limit: skip,
                    tag: None,
                };
                self.put_execution(portal, skip, To::Errors, made);
                if let Some(cursor) = self.cursors.get_mut(name) {
                    cursor.resume(take);
                }
                self.end_steps(run);
                return Ok(Progress::Again);
            }
            Plan::Go { take, .. } => {
                if describes {
                    self.put_step(b'D', portal, run.to());
                    self.opened_step(opened);
                }
                let to = if fetched.moves { To::Errors } else { run.to() };
                let made = Made::Fetched {
                    cursor: number,
                    limit: take,
                    tag: Some(tag),
                };
                self.put_execution(portal, take, to, made);
                self.opened_step(opened);
                self.end_steps(run);
            }
        }
        Ok(Progress::Sent)
    }

    fn close_cursor(&mut self, name: &str, run: Run<'_>) {
        self.drop_cursor(name);
        self.complete("CLOSE CURSOR", run);
    }

    /// Closes a cursor and its portal.
    pub(super) fn drop_cursor(&mut self, name: &str) {
        let number = self.cursors.get(name).map(|cursor| cursor.number);
        if number.is_some_and(|number| self.reach_cursor(number)) {
            self.close_portal(name);
        }
        if let Some(portal) = self
            .cursors
            .close(name)
            .and_then(|c| c.adopted().map(str::to_owned))
        {
            self.statements.close(portal.as_bytes());
        }
    }

    /// A statement of a cursor is said to go where the cursor is.
    pub(super) fn note_backend(&mut self, stepped: Stepped, decision: &mut Decision) {
        if matches!(stepped, Stepped::Fetch | Stepped::Close)
            && let Some(conn) = self.conn(Side::Analytic)
        {
            decision.outcome = Ok(conn.backend);
        }
    }

    /// Closes the portal of a cursor whose connection is at hand; one that was only there for it has no more use for its block.
    fn close_portal(&mut self, name: &str) {
        let Some(cursor) = self.cursors.get(name).cloned() else {
            return;
        };
        self.put_step(b'C', cursor.portal().as_bytes(), To::Errors);
        let Some(leased) = self.leased.as_mut() else {
            return;
        };
        leased.open_cursors.retain(|open| *open != cursor.number);
        if leased.cursor.is_some() {
            self.batch.analytic_used = false;
            self.sync_analytic();
            self.end_block();
        }
    }

    /// Makes the rows of a cursor come in other formats, which can be done before the first.
    ///
    /// # Errors
    /// When some have come already.
    pub(super) fn reformat(&mut self, name: &str, formats: &[u8]) -> Result<Progress, ClientError> {
        let Some(cursor) = self.cursors.get_mut(name) else {
            return Err(no_cursor(name));
        };
        let binary = |formats: &[u8]| formats.iter().skip(2).any(|byte| *byte != 0);
        if binary(&cursor.formats) == binary(formats) {
            return Ok(Progress::Sent);
        }
        if cursor.has_begun() {
            let message = format!(
                "cursor \"{name}\" over analytic relations cannot change between text and binary rows"
            );
            return Err(ClientError::refused(FEATURE_NOT_SUPPORTED, message)
                .hint("Fetch all of its rows in the same format."));
        }
        let cursor = cursor.clone();
        if !self.reach_cursor(cursor.number) {
            return Err(no_cursor(name));
        }
        let backend = self.conn(Side::Analytic).map_or(usize::MAX, |c| c.backend);
        let form = match self.form(backend, &cursor.key, (&cursor.parameters, formats))? {
            Form::Known(form) => form,
            Form::Unknown(adapted) => {
                self.ask_form(&adapted);
                return Ok(Progress::Again);
            }
        };
        self.put_step(b'C', cursor.portal().as_bytes(), To::Errors);
        self.bind_cursor(cursor.number, form);
        if let Some(cursor) = self.cursors.get_mut(name) {
            cursor.formats = formats.into();
        }
        Ok(Progress::Sent)
    }

    /// Asks what a cursor's rows look like, for the client.
    pub(super) fn describe_cursor(&mut self, name: &str) -> Result<(), ClientError> {
        let own = self.opened_portal(name.as_bytes());
        let cursor = self.cursors.get(name);
        let portal = cursor.map(|cursor| (cursor.number, cursor.portal(), cursor.opened()));
        let portal = portal.map(|(number, portal, opened)| (number, portal, opened.cloned()));
        match portal {
            Some((number, portal, opened)) if self.reach_cursor(number) => {
                self.put_step(b'D', portal.as_bytes(), To::Client);
                self.opened_step(opened.or(own).as_ref());
                Ok(())
            }
            _ => Err(no_cursor(name)),
        }
    }

    /// The reply to one of the steps.
    pub(super) fn on_made(&mut self, made: Made, tag: u8, body: &[u8]) -> Result<(), End> {
        match (made, tag) {
            (
                Made::Fetched {
                    cursor,
                    limit,
                    tag: command,
                },
                b'C' | b's' | b'I',
            ) => {
                let rows = match tag {
                    b's' => u64::from(limit.unsigned_abs()),
                    _ => backend::rows_of(body),
                };
                let ended = tag != b's';
                let portal = self.cursors.moved(cursor, rows, ended);
                if let Some(portal) = portal.filter(|_| ended) {
                    self.statements.run_out(portal.as_bytes());
                }
                if let Some(command) = command {
                    let complete = format!("{command} {rows}");
                    compose::put_command_complete(&mut self.client.out, &complete);
                }
            }
            // Rows that are wanted have been passed on unread.
            (
                Made::Fetched {
                    tag: Some("FETCH"), ..
                },
                b'D',
            ) => {
                frontend::put_frame(&mut self.client.out, tag, |out| out.put_slice(body));
            }
            (Made::NoRows, b'T' | b'n') => self.client.out.put_slice(NO_DATA),
            (Made::NoRows, _) => {
                frontend::put_frame(&mut self.client.out, tag, |out| out.put_slice(body));
            }
            (Made::Copied, _) => return self.on_copied(tag, body),
            (Made::Columns, _) => self.on_columns_again(tag, body),
            (Made::Declared(_) | Made::Fetched { .. }, _) => {}
        }
        Ok(())
    }
}

fn no_cursor(name: &str) -> ClientError {
    let message = format!("cursor \"{name}\" does not exist");
    ClientError::refused(INVALID_CURSOR_NAME, message)
}

/// PostgreSQL's own words; `near` is empty at the end.
pub(super) fn syntax_error(near: &str) -> ClientError {
    let message = match near {
        "" => "syntax error at end of input".to_owned(),
        near => format!("syntax error at or near \"{near}\""),
    };
    ClientError::refused(SYNTAX_ERROR, message)
}
