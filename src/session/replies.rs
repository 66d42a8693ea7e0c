//! What does a backend's message mean for the client?
//!
//! Rows are passed on unread, many at a time; everything else is matched to the first reply owed. The status byte that a client
//! sees is always the default backend's.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;

use super::batch::FailedBy;
use super::pipeline::{Expect, Made, Side, To, Undo, Verdict};
use super::prepared::StatementKey;
use super::{End, PassTo, Session};
use crate::error::ClientError;
use crate::limits;
use crate::protocol::frame::{Body, HEADER_BYTES};
use crate::protocol::{backend, compose};

impl Session {
    /// Passes on what the backends have said, as far as the client has room for it. Returns whether there was any.
    pub(super) fn pass_replies(&mut self) -> Result<bool, End> {
        let mut any = false;
        while self.client.out.len() < limits::OUTBOUND_BYTES_HIGH {
            self.emit_local();
            let Some(entry) = self.pipeline.front() else {
                return Ok(self.pass_unasked()? || any);
            };
            self.client.make_room();
            let (side, expect, to) = (entry.side, entry.expect, entry.to);
            if !self.pass_one(side, expect, to)? {
                break;
            }
            any = true;
        }
        Ok(any)
    }

    /// Passes one message on, or a run of rows. Returns whether there was one.
    fn pass_one(&mut self, side: Side, expect: Expect, to: To) -> Result<bool, End> {
        if self.conn(side).is_none() {
            return self.lost(side, "there is no connection");
        }
        self.pass_trial_with_row(side);
        let copied = self.pipeline.front().and_then(|entry| entry.made) == Some(Made::Copied);
        let looked_into =
            matches!(to, To::Session | To::Inspection | To::Job) || copied || self.recodes(side);
        // What a statement of a simple query did is looked for in its tag only where it may have moved or pinned something.
        let unread = (side, expect, to) == (Side::Oltp, Expect::Query, To::Client)
            && self.pins_to_come.is_empty()
            && self.moves_to_come.is_empty();
        if !looked_into && self.pass_rows(side, to, unread) {
            return Ok(true);
        }
        let Some(conn) = self.conn(side) else {
            return Ok(false);
        };
        let head = match conn.wire.head() {
            Err(bad) => return self.broke(side, &bad.to_string()),
            Ok(Some(head)) if head.total > limits::BACKEND_MESSAGE_BYTES_MAX => {
                return self.broke(side, "its message is too long");
            }
            Ok(head) => head.filter(|head| conn.wire.inbox.len() >= head.total),
        };
        match head {
            Some(head) => {
                let message = conn.wire.inbox.split_to(head.total);
                self.on_message(side, expect, to, &message)?;
                Ok(true)
            }
            None if conn.wire.ended => self.lost(side, "it closed the connection"),
            None => Ok(false),
        }
    }

    /// One whole message that is no row, or a row of the router's own query.
    fn on_message(
        &mut self,
        side: Side,
        expect: Expect,
        to: To,
        message: &BytesMut,
    ) -> Result<(), End> {
        let tag = message.first().copied().unwrap_or_default();
        let body = message.get(HEADER_BYTES..).unwrap_or_default();
        match tag {
            b'A' | b'S' | b'N' => self.on_async(side, to, message),
            b'E' => return self.on_error(side, expect, to, message),
            b'Z' => return self.on_ready(side, expect, to, body),
            b'D' if to == To::Session => {
                if let Some(columns) = backend::data_row(body) {
                    self.on_path(&columns);
                }
            }
            b'D' if to == To::Job => {
                if let Some(columns) = backend::data_row(body) {
                    self.on_job_row(&columns);
                }
            }
            b'D' if to == To::Inspection => {
                if let (Some(columns), Some(found)) =
                    (backend::data_row(body), self.inspection.as_mut())
                {
                    found.row(&columns);
                }
            }
            b'G' if side == Side::Oltp && matches!(to, To::Client | To::ClientNotReady) => {
                self.copy_in = true;
                self.pipeline.begin_copy_in();
                // Those Syncs did not end the batch after all.
                self.batch.oltp_used |= expect == Expect::Execute;
                self.client.out.extend_from_slice(message);
            }
            _ => match self.pipeline.judge(tag) {
                Verdict::Unexpected => {
                    return self.broke(side, "it sent a message out of turn").map(drop);
                }
                verdict => {
                    if tag == b'C' && side == Side::Oltp {
                        self.on_completed(body);
                    }
                    if side == Side::Analytic {
                        self.pass_trial();
                    }
                    if tag == b'C' && to == To::Job {
                        self.on_job_completed(body);
                    }
                    if tag == b't' && expect == Expect::Describe {
                        self.on_parameter_types(side, body);
                    }
                    if matches!(tag, b'T' | b'n') && expect == Expect::Describe {
                        self.on_shape(side, body);
                    }
                    let altered = match side {
                        Side::Analytic => match self.alter(tag, expect, message) {
                            Ok(altered) => altered,
                            Err(why) => return self.broke(side, why).map(drop),
                        },
                        Side::Oltp => None,
                    };
                    let altered = altered.or_else(|| self.own_tag(side, tag, body));
                    let message = altered.as_ref().unwrap_or(message);
                    if let Some(made) = self.pipeline.front().and_then(|entry| entry.made) {
                        let body = message.get(HEADER_BYTES..).unwrap_or_default();
                        self.on_made(made, tag, body)?;
                    } else if matches!(to, To::Client | To::ClientNotReady) {
                        self.client.out.extend_from_slice(message);
                    }
                    if side == Side::Analytic && expect == Expect::Execute {
                        let number = self.pipeline.front().map_or(0, |entry| entry.number);
                        match tag {
                            b'C' | b'I' => self.statements.executed(number, true),
                            b's' => self.statements.executed(number, false),
                            _ => {}
                        }
                    }
                    if verdict == Verdict::Ends {
                        self.end_entry(side);
                    }
                }
            },
        }
        Ok(())
    }

    /// An engine's own command tag as PostgreSQL would have it.
    fn own_tag(&mut self, side: Side, tag: u8, body: &[u8]) -> Option<BytesMut> {
        if tag != b'C' || side != Side::Analytic {
            return None;
        }
        let own = self.dialect_on(side)?.tag(body.strip_suffix(b"\0")?)?;
        let mut out = BytesMut::new();
        compose::put_command_complete(&mut out, own);
        Some(out)
    }

    /// A backend says what a client's statement's parameters are, where the client left that open: elsewhere it is prepared with the same.
    fn on_parameter_types(&mut self, side: Side, body: &[u8]) {
        let Some(entry) = self.pipeline.front() else {
            return;
        };
        let (Some(uses), Some(name)) = (entry.uses.clone(), entry.describes.clone()) else {
            return;
        };
        if *uses.key.types == *body {
            return;
        }
        let key = Arc::new(StatementKey {
            types: body.into(),
            ..(*uses.key).clone()
        });
        if let Some(conn) = self.conn(side) {
            conn.prepared.rekey(&uses.key, &key);
        }
        let own = self
            .statements
            .get(&name)
            .is_some_and(|own| own.key == uses.key);
        if own {
            self.statements.rekey(&name, &key);
        }
        self.pipeline.uses_at_front(&key, &uses.name);
    }

    /// A backend says what a prepared statement's rows look like.
    fn on_shape(&mut self, side: Side, body: &[u8]) {
        let Some(entry) = self.pipeline.front() else {
            return;
        };
        let (uses, describes) = (entry.uses.clone(), entry.describes.clone());
        let Some(key) = uses.map(|uses| uses.key) else {
            return;
        };
        let shape = backend::row_shape(body);
        if let Some(conn) = self.conn(side) {
            conn.prepared.learn_shape(&key, shape);
        }
        if let Some(name) = describes {
            self.statements.learn_shape(&name, &key, shape);
        }
    }

    /// The first reply owed is complete.
    fn end_entry(&mut self, side: Side) {
        let Some((to, Some(started))) = self.pipeline.pop() else {
            return;
        };
        if !matches!(to, To::Client | To::ClientNotReady | To::Job) {
            return;
        }
        let index = match side {
            Side::Oltp => Some(self.snapshot.table.config.default),
            Side::Analytic => self.conn(side).map(|conn| conn.backend),
        };
        if let Some(backend) = index.and_then(|index| self.snapshot.backends.get(index)) {
            backend.metrics.statement_seconds.record(started.elapsed());
        }
    }

    fn on_ready(&mut self, side: Side, expect: Expect, to: To, body: &[u8]) -> Result<(), End> {
        let Some(status) = backend::ready_status(body) else {
            return self.broke(side, "its transaction status is none").map(drop);
        };
        if let Some(conn) = self.conn(side) {
            conn.status = status;
        }
        let unheard_of = to == To::Session && self.deferred.is_some();
        if side == Side::Oltp && !matches!(to, To::Setup | To::Inspection) && !unheard_of {
            self.on_status(status);
        }
        if !matches!(expect, Expect::Query | Expect::Sync) {
            return self.broke(side, "it is ready out of turn").map(drop);
        }
        self.copy_in = false;
        if side == Side::Analytic {
            self.string_columns = None;
        }
        self.end_entry(side);
        match to {
            To::Inspection => self.on_inspected(status),
            To::Setup => self
                .slot
                .makes_ready(self.pipeline.front().is_some_and(|e| e.to == To::Setup)),
            _ => {}
        }
        if to == To::Client {
            self.put_ready();
        }
        Ok(())
    }

    fn on_error(
        &mut self,
        side: Side,
        expect: Expect,
        to: To,
        message: &BytesMut,
    ) -> Result<(), End> {
        let fields = backend::error_fields(message.get(HEADER_BYTES..).unwrap_or_default());
        let fatal = matches!(fields.severity.as_str(), "FATAL" | "PANIC");
        if fatal && side == Side::Analytic {
            return self.lost(side, &fields.message).map(drop);
        }
        let told = self.in_postgres_words(side, &fields);
        let dialect = self.dialect_on(side);
        if side == Side::Analytic && dialect.is_some_and(|d| d.hangs_up_after(&fields.message)) {
            return self.lose_analytic(&fields.message, told).map(drop);
        }
        let text = told.as_ref().map_or(&fields.message, |told| &told.message);
        let translated = told.as_ref().map(|told| {
            let mut frame = BytesMut::new();
            compose::put_error(&mut frame, told);
            frame
        });
        let message = translated.as_ref().unwrap_or(message);
        let trial = self.is_on_trial();
        let taken_back = self.take_back(side, told.as_ref());
        let shown = match to {
            _ if taken_back => false,
            To::Client | To::ClientNotReady | To::Errors => true,
            To::Session => self.batch.oltp_used || fatal,
            To::Nobody | To::Inspection | To::Setup | To::Job => fatal,
        };
        let placed = self.place_in_string(to, fields.position, message);
        let message = placed.as_ref().unwrap_or(message);
        if shown {
            match self.own_names_in(text, message) {
                Some(renamed) => self.client.out.extend_from_slice(&renamed),
                None => self.client.out.extend_from_slice(message),
            }
        }
        if fatal {
            return Err(End::BackendSaid);
        }
        if to == To::Setup {
            tracing::warn!(why = fields.message, "a connection cannot be made ready");
            return Err(self.setup_failed(&fields.message));
        }
        self.copy_in = false;
        match (side, fields.code.as_str()) {
            // The plan that does not fit its tables any more is made anew for the next who asks.
            (Side::Oltp, "0A000" | "26000") => {
                self.path_stale = true;
                let uses = self.pipeline.front().and_then(|entry| entry.uses.clone());
                if let (Some(uses), Some(conn)) = (uses, self.conn(side)) {
                    conn.prepared.forget(&uses.key);
                }
            }
            // An error takes back what was set in its transaction.
            (Side::Oltp, _) => self.path_stale = true,
            // A plan that does not fit its tables any more would fail for every client that comes after.
            (Side::Analytic, "0A000" | "26000") => {
                if let Some(leased) = self.leased.as_mut() {
                    leased.tainted = true;
                }
            }
            (Side::Analytic, code) => {
                if dialect.is_some_and(|d| d.outdates_plan(code, &fields.message)) {
                    self.forget_plans();
                }
            }
        }
        if to == To::Job {
            let unknown = || ClientError::lost(fields.message.clone());
            self.on_job_failed(told.clone().unwrap_or_else(unknown));
            return Ok(());
        }
        if expect == Expect::Query {
            let fails = to != To::Nobody && !taken_back;
            if let Some(script) = self.script.as_mut().filter(|_| fails) {
                script.failed = Some(FailedBy::from(side));
            }
            return Ok(());
        }
        let failed = self.pipeline.fail();
        if let Some(conn) = self.conn(side) {
            failed
                .unprepared
                .iter()
                .for_each(|key| conn.prepared.forget(key));
        }
        for made in failed.unmade {
            match made {
                Made::Declared(cursor) => self.cursors.lose(cursor),
                Made::Fetched { cursor, .. } => self.cursors.fail(cursor),
                Made::NoRows | Made::Copied | Made::Columns => {}
            }
        }
        for undo in failed.skipped.into_iter().rev() {
            self.statements.undo(undo);
        }
        match failed.failed {
            // A Parse takes the unnamed statement with it before it fails.
            Some(undo) if undo.is_parse && undo.name.is_empty() => {
                self.statements.undo(Undo {
                    before: None,
                    ..undo
                });
            }
            Some(undo) => self.statements.undo(undo),
            None => {}
        }
        if let Some(script) = self.script.as_mut()
            && side == Side::Analytic
            && shown
        {
            script.failed = Some(FailedBy::Other);
        // The router's own Sync behind a trial is not the one that ends the batch.
        } else if (failed.before_sync || trial) && shown {
            self.batch.failed = Some(FailedBy::from(side));
            self.skipping = !self.batch.closing;
        }
        Ok(())
    }

    /// A statement failed since its relations were changed behind it: it is prepared anew before it is used again, as are all that were
    /// prepared before now.
    fn forget_plans(&mut self) {
        let uses = self.pipeline.front().and_then(|entry| entry.uses.clone());
        let Some(conn) = self.conn(Side::Analytic) else {
            return;
        };
        if let Some(uses) = uses {
            conn.prepared.forget(&uses.key);
        }
        let index = conn.backend;
        if let Some(backend) = self.snapshot.backends.get(index) {
            let now = self.shared.number();
            backend.plans_before.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// An error in a statement that was sent apart from its string, with its place in that string.
    fn place_in_string(&self, to: To, at: Option<usize>, message: &BytesMut) -> Option<BytesMut> {
        let script = self.script.as_ref().filter(|_| to == To::ClientNotReady)?;
        let before = script
            .text
            .get(..script.at)
            .filter(|text| !text.is_empty())?;
        let within = |byte: &&u8| **byte & 0xC0 == 0x80;
        let before = match std::str::from_utf8(before) {
            Ok(_) => before.len() - before.iter().filter(within).count(),
            Err(_) => before.len(),
        };
        let at = at?.checked_add(before)?;
        Some(backend::with_field(message, b'P', &at.to_string()))
    }

    /// An error that names a statement as a shared connection knows it, with the name that the client gave it.
    fn own_names_in(&self, text: &str, message: &[u8]) -> Option<BytesMut> {
        let uses = self
            .pipeline
            .front()
            .and_then(|entry| entry.uses.as_ref())?;
        let (before, rest) = text.split_once("\"tidegate_")?;
        let (_, after) = rest.split_once('"')?;
        let own = String::from_utf8_lossy(&uses.name);
        let renamed = format!("{before}\"{own}\"{after}");
        Some(backend::with_field(message, b'M', &renamed))
    }

    /// A notice, a notification or a parameter's new value.
    fn on_async(&mut self, side: Side, to: To, message: &BytesMut) {
        let tag = message.first().copied().unwrap_or_default();
        let body = message.get(HEADER_BYTES..).unwrap_or_default();
        let shown = match (tag, side) {
            (b'S', _) => {
                let status = backend::parameter_status(body);
                if let Some((name, value)) = status
                    && side == Side::Oltp
                    && let Some(own) = self.own_value(
                        &String::from_utf8_lossy(name),
                        &String::from_utf8_lossy(value),
                    )
                {
                    let name = String::from_utf8_lossy(name).into_owned();
                    if self.on_parameter(&name, &own, to) {
                        compose::put_parameter_status(&mut self.client.out, &name, &own);
                    }
                    return;
                }
                if let (Some((name, value)), Some(conn)) = (status, self.conn(side)) {
                    let (name, value) = (
                        String::from_utf8_lossy(name),
                        String::from_utf8_lossy(value),
                    );
                    conn.note_parameter(&name, &value);
                    side == Side::Oltp && self.on_parameter(&name, &value, to)
                } else {
                    false
                }
            }
            (b'N', Side::Oltp) => matches!(to, To::Client | To::ClientNotReady | To::Errors),
            (b'N', Side::Analytic) => {
                let index = self.conn(side).map_or(usize::MAX, |conn| conn.backend);
                let dialect = self
                    .snapshot
                    .backends
                    .get(index)
                    .map(|backend| backend.dialect);
                let text = backend::error_fields(body).message;
                let hidden = dialect.is_some_and(|dialect| dialect.hides_notice(&text));
                !hidden && matches!(to, To::Client | To::ClientNotReady | To::Job)
            }
            (b'A', Side::Oltp) => {
                let own = self.conn(side).and_then(|conn| conn.cancel.clone());
                let notice = Body(body).i32();
                if let (Some(own), Some(pid)) = (own, notice)
                    && own.pid == pid
                {
                    // A client knows its own notifications by the process id that it was told.
                    let at = HEADER_BYTES..HEADER_BYTES + 4;
                    let mut named = message.clone();
                    named[at].copy_from_slice(&self.home.pid().to_be_bytes());
                    self.client.out.extend_from_slice(&named);
                    return;
                }
                true
            }
            _ => side == Side::Oltp,
        };
        if shown {
            self.client.out.extend_from_slice(message);
        }
    }

    /// What backends say when nobody asked: the default one speaks to the client, an analytic one has nothing to say.
    fn pass_unasked(&mut self) -> Result<bool, End> {
        if self.unasked_analytic() {
            self.drop_lease();
        }
        let Some(conn) = self.conn(Side::Oltp) else {
            return Ok(false);
        };
        let complete = match conn.wire.head() {
            Ok(Some(head)) if conn.wire.inbox.len() >= head.total => Some(head),
            Ok(Some(head)) if head.total > limits::BACKEND_MESSAGE_BYTES_MAX => None,
            Ok(_) if !conn.wire.ended => return Ok(false),
            _ => None,
        };
        let Some(head) = complete else {
            return self.lost(Side::Oltp, "it closed the connection");
        };
        let message = conn.wire.inbox.split_to(head.total);
        match head.tag {
            b'A' | b'S' | b'N' => self.on_async(Side::Oltp, To::Client, &message),
            b'E' => {
                let fields = backend::error_fields(message.get(HEADER_BYTES..).unwrap_or_default());
                self.client.out.extend_from_slice(&message);
                if fields.severity != "ERROR" {
                    return Err(End::BackendSaid);
                }
            }
            // A Sync that the backend read as part of a COPY after all; the client counts on the same answers as we get.
            b'Z' => {
                if let Some(status) =
                    backend::ready_status(message.get(HEADER_BYTES..).unwrap_or_default())
                {
                    self.on_status(status);
                }
                self.client.out.extend_from_slice(&message);
            }
            _ => return self.lost(Side::Oltp, "it sent a message out of turn"),
        }
        Ok(true)
    }

    /// A parameter of the session's connection has changed. Whether the client must be told: its own view has changed.
    fn on_parameter(&mut self, name: &str, value: &str, to: To) -> bool {
        let asked = !matches!(to, To::Setup | To::Inspection);
        let new = self.tell_parameter(name, value);
        if new {
            self.told_changed |= self.pooled && asked;
            self.dialect = super::dialect_of(&self.told);
            if name == "application_name" {
                value.clone_into(&mut self.view.application);
            }
        }
        new
    }

    /// Whether the leased connection, with nothing asked of it, has spoken or ended.
    fn unasked_analytic(&mut self) -> bool {
        let Some(leased) = self.leased.as_mut() else {
            return false;
        };
        let wire = &leased.lease.conn().wire;
        let spoke = wire.ended || !wire.inbox.is_empty();
        leased.tainted |= spoke;
        spoke
    }

    /// A message while the default backend takes COPY data: everything goes there, as PostgreSQL would read it.
    pub(super) fn on_copy_frame(&mut self, tag: u8, message: &BytesMut) {
        if let Some(conn) = self.conn(Side::Oltp) {
            conn.wire.out.extend_from_slice(message);
        }
        if matches!(tag, b'c' | b'f') {
            self.copy_in = false;
            // A Flush sent before was read as part of the COPY.
            self.batch.flushed = false;
        }
    }

    /// Passes on the next piece of a long message. Returns whether there was any.
    pub(super) fn pass_piece(&mut self) -> bool {
        let (left, to) = self.passing;
        let piece = self
            .client
            .inbox
            .split_to(left.min(self.client.inbox.len()));
        self.passing.0 = left - piece.len();
        if let PassTo::Side(side) = to
            && let Some(conn) = self.conn(side)
        {
            conn.wire.out.extend_from_slice(&piece);
        }
        !piece.is_empty()
    }
}
