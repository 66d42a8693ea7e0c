//! What do a session's statements leave on its connection, and does it have to keep that for it?
//!
//! Each statement for the default backend is traced when it is sent ([`super::pins::Trace`]); what it pins for counts once the server says that
//! it was run. After those that may have left something else the server is asked, and its answer is the session's new state
//! ([`super::settings::Inspection`]).

use std::sync::Arc;

use super::Session;
use super::oltp::APPLICATION_NAME;
use super::pins::{PinReason, Trace};
use super::pipeline::{Expect, Side, To};
use super::settings::Inspection;
use crate::catalog::BackendCatalog;
use crate::limits::CUSTOM_SETTINGS_MAX;
use crate::protocol::{compose, frontend};
use crate::sql::{Access, FunctionName, SessionEffect, StatementFacts};

/// How often the server is asked what is left, when it does not answer.
const INSPECTIONS_MAX: u32 = 3;

impl Session {
    /// Takes note of what a statement that was sent to the default backend may leave there.
    pub(super) fn trace(&mut self, facts: &StatementFacts, text: &[u8]) {
        if !self.pooled {
            return;
        }
        let trace = {
            let table = &self.snapshot.table;
            let catalog = table.catalog.backend(table.config.default);
            let path = &self.view.search_path;
            let mut trace = Trace::of(facts, text, |function| is_stable(catalog, path, function));
            if let Some(catalog) = catalog {
                let functions = facts.functions.iter();
                let by_call = functions.filter_map(|called| catalog.function_leaves(&called.name));
                let written = facts
                    .relations
                    .iter()
                    .filter(|used| used.access != Access::Read);
                let by_trigger =
                    written.filter_map(|used| catalog.relation_leaves(&used.name.name));
                for hides in by_call.chain(by_trigger) {
                    trace.leaves(hides);
                }
            }
            trace
        };
        if trace.is_nothing() {
            return;
        }
        self.may_have_prepared |= matches!(facts.session, SessionEffect::Prepare(_))
            || (trace.opaque && mentions_prepare(text));
        if let SessionEffect::Prepare(name) = &facts.session
            && self.sql_prepared.len() < CUSTOM_SETTINGS_MAX
        {
            self.sql_prepared.insert(name.clone());
        }
        let number = self.number;
        if trace.forgets_sequences && self.pins.remove(PinReason::Sequence) {
            self.count_pin(PinReason::Sequence, false);
        }
        if trace.reads_sequences {
            let moved = self.sequences_moved || !self.moves_to_come.is_empty();
            self.asks_sequences_later |= !moved && !trace.moves_sequences;
            if self.pins.remove(PinReason::Sequence) {
                self.count_pin(PinReason::Sequence, false);
            }
        }
        if trace.moves_sequences {
            let pins = self.asks_sequences_later && !trace.reads_sequences;
            self.moves_to_come.push((self.pipeline.pushed(), pins));
        }
        if let Some(conn) = self.conn(Side::Oltp).filter(|_| trace.opaque) {
            conn.opaque_of = number;
        }
        let clean = self.pins.is_empty() && self.settings.is_empty() && !self.traces_pending;
        self.traces_pending |= trace.inspect && !(trace.only_cleans && clean);
        // Once it was set, even for one transaction, such a setting is there for the rest of the session, empty.
        for name in trace.local_settings {
            if self.settings.get(&name).is_none() {
                self.traces_pending = true;
                self.custom_settings.insert(name);
            }
        }
        for name in trace.custom_settings {
            if self.custom_settings.len() < CUSTOM_SETTINGS_MAX {
                self.custom_settings.insert(name);
            } else {
                self.pin(PinReason::Setting);
            }
        }
        if let Some(reason) = trace.pin {
            // It is known only then whether the statement was run; the message is sent, or will be next.
            let at = self.pipeline.pushed();
            self.pins_to_come.push((at, reason));
        }
        self.publish_pins();
    }

    /// A statement of the client's has been run by the default backend: what its tag says is certain now, whatever becomes of the
    /// transaction.
    pub(super) fn on_completed(&mut self, tag: &[u8]) {
        if !self.pins_to_come.is_empty() {
            self.pin_what_was_run();
        }
        if !self.moves_to_come.is_empty() {
            self.on_sequence_moved();
        }
        let all = match tag {
            b"DISCARD ALL\0" => true,
            b"DEALLOCATE ALL\0" => false,
            b"CLOSE CURSOR ALL\0" => return self.cursors.close_all(),
            b"DECLARE CURSOR\0" => {
                let number = self.pipeline.front().map_or(0, |entry| entry.number);
                return self.cursors.declared_elsewhere(number);
            }
            _ => return,
        };
        let sent = self.pipeline.front().map_or(0, |entry| entry.number);
        self.statements.clear_before(sent);
        if let Some(conn) = self.conn(Side::Oltp) {
            conn.prepared.forget_all();
        }
        if all {
            self.cursors.close_all();
            self.own_settings.reset(false);
            self.view.hint = None;
            for reason in self.pins.discard() {
                self.spoilt |= reason.spoils();
                self.count_pin(reason, false);
            }
            self.publish_pins();
        }
    }

    /// A statement was run that pins: the one whose message was sent just before, or just after, it was traced.
    fn pin_what_was_run(&mut self) {
        let number = self.pipeline.front().map_or(0, |entry| entry.number);
        let mut came = Vec::new();
        self.pins_to_come.retain(|(at, reason)| {
            let now = *at <= number;
            if now {
                came.push(*reason);
            }
            !now
        });
        for reason in came {
            self.pin(reason);
        }
        self.publish_pins();
    }

    /// A statement was run that may have moved a sequence.
    fn on_sequence_moved(&mut self) {
        let number = self.pipeline.front().map_or(0, |entry| entry.number);
        let (mut moved, mut pins) = (false, false);
        self.moves_to_come.retain(|(at, pin)| {
            let now = *at <= number;
            moved |= now;
            pins |= now && *pin;
            !now
        });
        if !moved {
            return;
        }
        self.sequences_moved = true;
        self.sequence_moves += 1;
        let own = (self.number, self.sequence_moves);
        if let Some(conn) = self.conn(Side::Oltp) {
            conn.sequences_of = own;
        }
        if pins {
            self.pin(PinReason::Sequence);
            self.publish_pins();
        }
    }

    pub(super) fn inspect(&mut self) {
        self.traces_pending = false;
        // A cancel request is for what the client runs.
        let _ = self.slot.release();
        let utf8 = |(name, value): &(String, String)| name == "client_encoding" && value == "UTF8";
        self.inspection = Some(Inspection::new(self.told.iter().any(utf8)));
        let user = &self.key.user;
        let text = Inspection::query(user, &self.custom_settings);
        if let Some(conn) = self.conn(Side::Oltp) {
            frontend::put_query(&mut conn.wire.out, text.as_bytes());
            conn.prepared.forget_unnamed();
            self.pipeline
                .push(Expect::Query, Side::Oltp, To::Inspection);
        }
    }

    /// The server has said what is left; `failed` when it could not.
    pub(super) fn on_inspected(&mut self, status: u8) {
        let Some(found) = self.inspection.take() else {
            return;
        };
        self.point_cancel_at_oltp();
        if status != b'I' {
            self.send_query(Side::Oltp, b"ROLLBACK", To::Setup);
            // A cancel request that came late may have hit it.
            self.inspections_failed += 1;
            if self.inspections_failed < INSPECTIONS_MAX {
                self.traces_pending = true;
            } else {
                self.pin(PinReason::Code);
                self.publish_pins();
            }
            return;
        }
        self.inspections_failed = 0;
        self.may_have_prepared = found.pins.contains(&PinReason::PreparedStatement);
        if !self.may_have_prepared {
            self.sql_prepared.clear();
        }
        let (came, went) = self.pins.inspected(&found.pins);
        for reason in came {
            self.count_pin(reason, true);
        }
        for reason in went {
            self.count_pin(reason, false);
        }
        let mut settings = found.into_settings();
        let abroad = self.is_abroad();
        let own = settings.get(APPLICATION_NAME) == Some(&*self.key.application);
        if abroad && own {
            settings = settings.without(APPLICATION_NAME);
        }
        self.know_settings(settings);
        let applied = if abroad {
            Arc::clone(&self.settings_abroad)
        } else {
            Arc::clone(&self.settings)
        };
        if let Some(conn) = self.conn(Side::Oltp) {
            conn.applied = applied;
        }
        self.publish_pins();
    }

    /// The session has run what was not looked into.
    pub(super) fn pin_for_unknown(&mut self) {
        self.traces_pending = true;
        self.pin(PinReason::Code);
        self.publish_pins();
    }

    pub(super) fn pin(&mut self, reason: PinReason) {
        if self.pins.add(reason) {
            self.count_pin(reason, true);
        }
    }

    pub(super) fn count_pin(&self, reason: PinReason, came: bool) {
        self.shared.metrics.pinned(reason, came);
        if came {
            tracing::debug!(
                user = self.view.user,
                reason = reason.as_str(),
                "pinned to its connection"
            );
        }
    }

    /// Shows others why this session keeps its connection.
    pub(super) fn publish_pins(&self) {
        if let Some(mut info) = self.shared.sessions.get_mut(&self.number) {
            info.pins = self.pins.iter().collect();
            info.pins
                .extend(self.told_kept.then_some(PinReason::AnalyticCursor));
            info.cursor_pid = self.kept_pid();
            let target = self
                .oltp
                .as_ref()
                .and_then(|lease| lease.conn().cancel.as_ref());
            info.backend_pid = target.map(|target| target.pid);
        }
    }

    /// The rows of `SHOW tidegate.pins`: every session's.
    pub(super) fn put_pins(&self, out: &mut bytes::BytesMut) {
        let mut rows: Vec<_> = self
            .shared
            .sessions
            .iter()
            .flat_map(|entry| {
                let info = entry.value().clone();
                let number = *entry.key();
                let row = move |reason: PinReason| (number, reason, info.clone());
                entry.pins.clone().into_iter().map(row)
            })
            .collect();
        rows.sort_by_key(|(number, reason, _)| (*number, *reason));
        for (number, reason, info) in rows {
            let pid = match reason {
                PinReason::AnalyticCursor => info.cursor_pid,
                _ => info.backend_pid,
            };
            let pid = pid.map(|pid| pid.to_string());
            let row = [
                Some(number.to_string()),
                Some(info.user),
                Some(info.database),
                pid,
                Some(reason.as_str().to_owned()),
            ];
            let row: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
            compose::put_text_row(out, &row);
        }
        compose::put_command_complete(out, "SHOW");
    }
}

/// Whether code that is not looked into may prepare statements by SQL.
fn mentions_prepare(text: &[u8]) -> bool {
    text.windows(7)
        .any(|word| word.eq_ignore_ascii_case(b"prepare"))
}

/// Whether a user's function only reads, by the catalog.
fn is_stable(catalog: Option<&BackendCatalog>, path: &[String], function: &FunctionName) -> bool {
    let Some(catalog) = catalog.filter(|catalog| !catalog.may_write(&function.name)) else {
        return false;
    };
    match &function.schema {
        Some(schema) => catalog.is_stable_function(schema, &function.name),
        None => path
            .iter()
            .any(|schema| catalog.is_stable_function(schema, &function.name)),
    }
}
