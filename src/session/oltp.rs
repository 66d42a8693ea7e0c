//! When does a session hold a connection to the default backend, and how is it made its own?
//!
//! With `pooling: transaction` it takes one when a statement needs it and gives it back once the server says that no transaction is open
//! and nothing of the session's is left on it that could not be put on another. What the session has set is put back in the same write as
//! its next statement; giving back costs nothing, unless a statement may have left something: then the server is asked first, while
//! the client already has its answer. With `pooling: session` the first one taken is kept.

use std::sync::Arc;

use super::pipeline::{Expect, Side, To};
use super::settings::Settings;
use super::statements::ClientStatement;
use super::{End, Session};
use crate::error::ClientError;
use crate::pool::{Lease, Unavailable};
use crate::protocol::frontend::{self, Named};
use crate::protocol::{compose, sqlstate};
use crate::sql::{self, FunctionName, RelationUse, SessionEffect, StatementFacts};

/// The one startup parameter in which connections of a pool differ.
pub(super) const APPLICATION_NAME: &str = "application_name";

impl Session {
    /// Makes sure there is a connection to the default backend, and that the session's transaction has begun there.
    pub(super) async fn need_oltp(&mut self) -> Result<(), ClientError> {
        self.need_connection().await.inspect_err(|_| {
            self.fail_deferred();
        })?;
        self.begin_deferred();
        Ok(())
    }

    /// Makes sure there is a connection to the default backend. A transaction that it has not heard of stays so.
    pub(super) async fn need_connection(&mut self) -> Result<(), ClientError> {
        if self.oltp.is_none() {
            // Boxed, as are the other waits below a message: what they need would have its place in the future of every message.
            let mut lease = match self.take_idle_oltp() {
                Some(lease) => lease,
                None => Box::pin(self.take_oltp()).await?,
            };
            lease.conn_mut().wire.make_room();
            self.last_conn = Some(lease.conn().id);
            self.oltp = Some(lease);
            self.point_cancel_at_oltp();
            if self.pooled {
                self.settle_in();
            }
        }
        Ok(())
    }

    /// A connection that is there for the taking.
    fn take_idle_oltp(&mut self) -> Option<Lease> {
        if !self.pooled || self.home.is_terminated() {
            return None;
        }
        let backend = self.snapshot.oltp()?;
        backend.pool.checkout_idle(&self.key, self.last_conn)
    }

    async fn take_oltp(&mut self) -> Result<Lease, ClientError> {
        let snapshot = Arc::clone(&self.snapshot);
        let Some(backend) = snapshot.oltp() else {
            return Err(ClientError::unreachable("no default backend"));
        };
        if !self.pooled {
            return match backend.connector.connect(&self.key.login).await {
                Ok(conn) => Ok(Lease::owned(conn)),
                Err(error) => {
                    tracing::warn!(backend = backend.connector.name(), %error, "cannot connect");
                    Err(backend.connector.client_error(&error))
                }
            };
        }
        // What the client is owed already does not wait.
        let client = &mut self.client;
        let tell = async {
            let _ = client.drain().await;
            std::future::pending::<std::convert::Infallible>().await
        };
        let taken = tokio::select! {
            taken = backend.pool.checkout_as(&self.key, self.last_conn) => taken,
            () = self.slot.cancelled_in_the_queue() => return Err(ClientError::cancelled()),
            never = tell => match never {},
        };
        let lease =
            taken.map_err(|unavailable: Unavailable| backend.pool.client_error(&unavailable))?;
        if self.home.is_terminated() {
            lease.give_back(false);
            self.told_to_end = true;
            return Err(ClientError::shutdown());
        }
        Ok(lease)
    }

    /// Puts on a connection what the session has set, and takes away what another one has.
    fn settle_in(&mut self) {
        let Some(lease) = self.oltp.as_mut() else {
            return;
        };
        let conn = lease.conn_mut();
        let opaque = conn.opaque_of != 0 && conn.opaque_of != self.number;
        let wanted = if conn.application == self.key.application {
            &self.settings
        } else {
            &self.settings_abroad
        };
        let replay = wanted.replay_over(&conn.applied, opaque);
        if opaque {
            conn.opaque_of = 0;
        }
        conn.applied = Arc::clone(wanted);
        if let Some(text) = replay {
            self.send_query(Side::Oltp, text.as_bytes(), To::Setup);
        }
    }

    /// Takes note of what is set in the session now.
    pub(super) fn know_settings(&mut self, settings: Settings) {
        let named = settings.get(APPLICATION_NAME).is_some();
        let settings = Arc::new(settings);
        self.settings_abroad = if named {
            Arc::clone(&settings)
        } else {
            Arc::new(settings.with(APPLICATION_NAME, &self.key.application))
        };
        self.settings = settings;
    }

    /// Whether the connection would come back to another `application_name` than the session's.
    pub(super) fn is_abroad(&self) -> bool {
        let conn = self.oltp.as_ref().map(Lease::conn);
        self.pooled && conn.is_some_and(|conn| conn.application != self.key.application)
    }

    /// Takes note of a statement that resets `application_name` on a connection that logged in under another.
    pub(super) fn reset_application(&mut self, facts: &StatementFacts) {
        let resets = match &facts.session {
            SessionEffect::Reset(None) | SessionEffect::Discard(crate::sql::Discard::All) => true,
            SessionEffect::Reset(Some(name))
            | SessionEffect::Set {
                name, value: None, ..
            } => name == APPLICATION_NAME,
            _ => false,
        };
        self.application_reset |= resets && self.is_abroad();
    }

    /// Sets the session's `application_name` again, once what has reset it is done.
    pub(super) fn restore_application(&mut self) {
        if self.batch.oltp_used || self.status == b'E' || self.copy_in {
            return;
        }
        if std::mem::take(&mut self.application_reset) && self.is_abroad() {
            let name = self.key.application.replace('\'', "''");
            let text = format!("SET application_name TO '{name}'");
            self.send_query(Side::Oltp, text.as_bytes(), To::Setup);
        }
    }

    /// The value of a parameter that the connection reports, as it would be on one of the session's own.
    pub(super) fn own_value(&self, name: &str, value: &str) -> Option<String> {
        let foreign = self.oltp.as_ref().map(|lease| &*lease.conn().application);
        let reset = name == APPLICATION_NAME
            && self.is_abroad()
            && foreign == Some(value)
            && self.settings.get(APPLICATION_NAME) != Some(value);
        reset.then(|| self.key.application.to_string())
    }

    /// What a statement for the default backend needs there first.
    pub(super) async fn prepare_ground(&mut self, facts: &StatementFacts, text: &[u8]) {
        if matches!(
            facts.kind,
            "create database" | "drop database" | "alter database"
        ) && let Some(backend) = Arc::clone(&self.snapshot).oltp()
        {
            let database = sql::database_wanted(text);
            self.shared.hush.notify_waiters();
            Box::pin(backend.pool.evict(database.as_deref())).await;
            self.evicted = Some(database);
        }
        // In a failed transaction the server refuses them all.
        if !self.pooled || self.view.failed {
            return;
        }
        if facts.functions.iter().any(reads_sequences) && self.moves_to_come.is_empty() {
            self.own_sequences();
        }
        match &facts.session {
            SessionEffect::Execute(name) | SessionEffect::Prepare(name) => {
                self.expose_statement(&name.clone());
            }
            _ if facts.functions.iter().any(lists_statements)
                || facts.relations.iter().any(is_statement_list) =>
            {
                self.expose_all_statements();
            }
            _ => {}
        }
    }

    /// Whether SQL has prepared a statement of this name, so that the server must say whether the client may.
    pub(super) fn is_prepared_by_sql(&self, name: &[u8]) -> bool {
        !self.sql_prepared.is_empty()
            && std::str::from_utf8(name).is_ok_and(|name| self.sql_prepared.contains(name))
    }

    /// Takes away what a connection remembers of another session's sequences.
    fn own_sequences(&mut self) {
        let own = (self.number, self.sequence_moves);
        let in_batch = self.batch.oltp_used;
        let foreign = self
            .oltp
            .as_mut()
            .map(Lease::conn_mut)
            .filter(|conn| conn.sequences_of.0 != 0 && conn.sequences_of != own);
        if let Some(conn) = foreign {
            // Within a batch it may be skipped, and is then sent again.
            if !in_batch {
                conn.sequences_of = (0, 0);
            }
            self.run_setup(b"DISCARD SEQUENCES", To::Nobody);
        }
    }

    /// Runs a command on the connection before what comes next, within an open batch too.
    fn run_setup(&mut self, text: &[u8], to: To) {
        if !self.batch.oltp_used {
            self.send_query(Side::Oltp, text, to);
            return;
        }
        // What fails here fails the batch, and the client must be told.
        self.put_own_statement(text, To::Errors);
    }

    /// SQL is going to name a statement that the client prepared by the protocol: the server must know it by that name.
    pub(super) fn expose_statement(&mut self, name: &str) {
        let found = self.statements.get(name.as_bytes()).cloned();
        if let Some(statement) = found.filter(|s| !s.on_oltp && s.local.is_none()) {
            self.put_under_own_name(name.as_bytes(), &statement);
            self.send_sync();
        }
    }

    /// SQL is going to list all prepared statements: the server must have the client's and no other.
    fn expose_all_statements(&mut self) {
        let Some(conn) = self.conn(Side::Oltp) else {
            return;
        };
        let hidden = conn.prepared.take_names();
        for name in &hidden {
            let named = Named::Statement(name.as_bytes());
            frontend::put_named(&mut conn.wire.out, b'C', named);
        }
        for _ in &hidden {
            self.pipeline.push(Expect::Close, Side::Oltp, To::Nobody);
        }
        let any_hidden = !hidden.is_empty();
        let unknown = |(name, statement): &(&[u8], &ClientStatement)| {
            !name.is_empty() && !statement.on_oltp && statement.local.is_none()
        };
        let mut all: Vec<(Vec<u8>, ClientStatement)> = self
            .statements
            .iter()
            .filter(unknown)
            .map(|(name, statement)| (name.to_vec(), statement.clone()))
            .collect();
        all.sort_by_key(|(_, statement)| statement.parsed);
        for (name, statement) in &all {
            self.put_under_own_name(name, statement);
        }
        if !all.is_empty() || any_hidden {
            self.send_sync();
        }
    }

    fn put_under_own_name(&mut self, name: &[u8], statement: &ClientStatement) {
        if let Some(conn) = self.conn(Side::Oltp) {
            let key = &statement.key;
            frontend::put_parse(&mut conn.wire.out, name, &key.text, &key.types);
            // In a failed transaction the client's own statement would fail in the same way.
            let to = if self.batch.oltp_used {
                To::Errors
            } else {
                To::Nobody
            };
            self.pipeline.push(Expect::Parse, Side::Oltp, to);
            self.statements.mark_on_oltp(name);
            self.traces_pending = true;
            self.may_have_prepared = true;
        }
    }

    fn send_sync(&mut self) {
        if self.batch.oltp_used {
            return;
        }
        if let Some(conn) = self.conn(Side::Oltp) {
            frontend::put_sync(&mut conn.wire.out);
            self.pipeline.push(Expect::Sync, Side::Oltp, To::Errors);
        }
    }

    /// With nothing owed to the client any more: asks what is left on the connection, or gives it back.
    pub(super) fn rest_oltp(&mut self) {
        if !self.oltp_is_at_rest() {
            return;
        }
        if let Some(database) = self.evicted.take()
            && let Some(backend) = self.snapshot.oltp()
        {
            backend.pool.readmit(database.as_deref());
        }
        // What was not run does not pin.
        self.pins_to_come.clear();
        self.moves_to_come.clear();
        if self.clear_debris() {
            return;
        }
        if std::mem::take(&mut self.told_changed) && self.told != self.told_at_rest {
            self.told_at_rest = Arc::clone(&self.told);
            self.traces_pending = true;
        }
        if self.traces_pending {
            self.inspect();
            return;
        }
        let next = self.client.head().ok().flatten();
        let more_to_do = next.is_some_and(|head| self.client.inbox.len() >= head.total);
        let wanted = || self.oltp.as_ref().is_some_and(Lease::is_wanted);
        if !self.pins.is_empty() || (more_to_do && !wanted()) {
            return;
        }
        self.give_oltp_back();
    }

    /// Before a wait for another connection: gives this one back, where the session can do without it.
    pub(super) fn let_oltp_go(&mut self) {
        let left = self.traces_pending || self.told_changed || !self.pins_to_come.is_empty();
        let debris = |lease: &Lease| !lease.conn().debris.is_empty();
        if self.oltp_is_at_rest()
            && self.pins.is_empty()
            && !left
            && !self.oltp.as_ref().is_some_and(debris)
        {
            self.give_oltp_back();
        }
    }

    /// Whether there is a connection of a pool that nothing of the session's is under way on.
    fn oltp_is_at_rest(&self) -> bool {
        let Some(lease) = self.oltp.as_ref().filter(|_| self.pooled) else {
            return false;
        };
        let in_work = !self.pipeline.is_empty()
            || (self.status != b'I' && self.deferred.is_none())
            || lease.conn().status != b'I'
            || self.batch.oltp_used
            || self.batch.began
            || self.skipping
            || self.copy_in
            || self.held.is_some()
            || self.passing.0 > 0;
        !in_work
    }

    fn give_oltp_back(&mut self) {
        self.count_bytes();
        let cancelling = self.slot.release();
        self.sequences_moved = false;
        if let Some(lease) = self.oltp.take() {
            lease.give_back(cancelling || std::mem::take(&mut self.spoilt));
        }
    }

    /// Closes statements that no client has. Whether there were any.
    fn clear_debris(&mut self) -> bool {
        let Some(conn) = self.conn(Side::Oltp) else {
            return false;
        };
        let debris = std::mem::take(&mut conn.debris);
        for name in &debris {
            frontend::put_named(&mut conn.wire.out, b'C', Named::Statement(name));
        }
        for _ in &debris {
            self.pipeline.push(Expect::Close, Side::Oltp, To::Setup);
        }
        if !debris.is_empty() {
            self.send_sync();
        }
        !debris.is_empty()
    }

    /// What the connection reports that the client does not know is told, now that nothing is under way.
    pub(super) fn tell_parameter(&mut self, name: &str, value: &str) -> bool {
        let known = self.told.iter().position(|(known, _)| known == name);
        let old = known.and_then(|at| self.told.get(at));
        if old.is_some_and(|(_, old)| old == value) {
            return false;
        }
        let told = Arc::make_mut(&mut self.told);
        match known.and_then(|at| told.get_mut(at)) {
            Some((_, old)) => value.clone_into(old),
            None => told.push((name.to_owned(), value.to_owned())),
        }
        true
    }

    /// A statement of an unknown name, or none: the server says so, as it would.
    pub(super) fn hide_unnamed(&mut self) {
        if let Some(conn) = self.conn(Side::Oltp) {
            conn.prepared.forget_unnamed();
            frontend::put_named(&mut conn.wire.out, b'C', Named::Statement(b""));
            self.pipeline.push(Expect::Close, Side::Oltp, To::Nobody);
            self.batch.oltp_used = true;
        }
    }

    /// What made the connection ready has failed: the session would go on in a state that is not its own.
    pub(super) fn setup_failed(&self, message: &str) -> End {
        let error = ClientError::refused(
            sqlstate::CONNECTION_FAILURE,
            "the session's settings cannot be set on another connection",
        );
        let told = error
            .detail(format!("The server said: {message}"))
            .hint("Connect again. With pooling: session a client keeps its connection.");
        End::Told(told.fatal())
    }

    /// Ends the session's hold of its connection at its own end.
    pub(super) fn leave_oltp(&mut self, lease: Lease) -> Option<Lease> {
        let clean = self.pooled
            && self.pins.is_empty()
            && !self.traces_pending
            && self.inspection.is_none()
            && !self.spoilt
            && self.pipeline.is_empty()
            && self.status == b'I'
            && !self.batch.oltp_used;
        if !clean {
            return Some(lease);
        }
        let cancelling = self.slot.release();
        lease.give_back(cancelling);
        None
    }

    /// Tells the client that what it has asked for is done.
    pub(super) fn put_ready(&mut self) {
        compose::put_ready(&mut self.client.out, self.status);
        self.work += 1;
        let next = if self.pipeline.is_empty() {
            0
        } else {
            self.work
        };
        self.slot.works_on(next);
    }

    /// Answers for a transaction that could not be served.
    pub(super) fn refuse_query(&mut self, error: &ClientError) {
        compose::put_error(&mut self.client.out, error);
        self.put_ready();
    }
}

fn reads_sequences(function: &FunctionName) -> bool {
    matches!(function.name.as_str(), "currval" | "lastval")
}

fn lists_statements(function: &FunctionName) -> bool {
    function.name == "pg_prepared_statement"
}

fn is_statement_list(used: &RelationUse) -> bool {
    used.name.name == "pg_prepared_statements"
}
