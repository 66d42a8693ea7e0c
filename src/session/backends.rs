//! Who works for the session?
//!
//! Its own connection to the default backend, and at most one analytic connection on lease. Both are made when first
//! needed; a lease goes back as soon as nothing of the client's lives on it any more.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::errors::{in_read_only, may_read_differently, setting_unknown};
use super::pipeline::{Expect, Side, To};
use super::tracking::PATH_QUERY;
use super::{End, Leased, Session};
use crate::backend::ServerConn;
use crate::backend::engine::Dialect;
use crate::error::ClientError;
use crate::pool::Lease;
use crate::protocol::{frontend, sqlstate};
use crate::routing::{Proof, write_in_transaction};
use crate::sql::{self, StatementFacts};

/// What makes the default backend fail its transaction when a statement of it failed elsewhere. It is no SQL on purpose: PostgreSQL
/// then is in the very state it would be in had the statement failed there, and its log says why.
pub(super) const ABORT: &str =
    "tidegate aborts this transaction: a statement in it was refused or failed on another backend";

impl Session {
    /// The connection on a side.
    pub(super) fn conn(&mut self, side: Side) -> Option<&mut ServerConn> {
        match side {
            Side::Oltp => self.oltp.as_mut().map(Lease::conn_mut),
            Side::Analytic => self.leased.as_mut().map(|leased| leased.lease.conn_mut()),
        }
    }

    /// What the engine on a side needs.
    pub(super) fn dialect_on(&mut self, side: Side) -> Option<&'static dyn Dialect> {
        let index = self.conn(side)?.backend;
        Some(self.snapshot.backends.get(index)?.dialect)
    }

    /// Makes sure there is a connection to the analytic backend that a statement was proven safe for.
    pub(super) async fn need_analytic(&mut self, proof: Proof) -> Result<(), ClientError> {
        self.check_write(proof)?;
        self.put_back();
        self.have_analytic(proof, self.one_snapshot).await
    }

    /// The same where that connection is at hand, if there is one. `one_snapshot`: its reads are to see one state.
    pub(super) async fn have_analytic(
        &mut self,
        proof: Proof,
        one_snapshot: bool,
    ) -> Result<(), ClientError> {
        let held = self
            .leased
            .as_ref()
            .map(|leased| leased.lease.conn().backend);
        if held.is_some_and(|backend| backend != proof.backend()) {
            self.drop_lease();
        }
        let snapshot = Arc::clone(&self.snapshot);
        let Some(backend) = snapshot.backends.get(proof.backend()) else {
            return Err(ClientError::unreachable("no such backend"));
        };
        if self.leased.is_none() {
            let index = proof.backend();
            let last = self.read_from.iter().find(|(backend, _)| *backend == index);
            let last = last.map(|(_, endpoint)| *endpoint);
            let (slot, from) = (Arc::clone(&self.slot), Arc::clone(&snapshot));
            let mut taken = Box::pin(async move {
                let Some(backend) = from.backends.get(index) else {
                    return Err(ClientError::unreachable("no such backend"));
                };
                tokio::select! {
                    lease = backend.pool.checkout(proof, last) => lease,
                    () = slot.cancelled_in_the_queue() => Err(ClientError::cancelled()),
                }
            });
            let at_once = poll_fn(|context| Poll::Ready(taken.as_mut().poll(context))).await;
            let lease = match at_once {
                Poll::Ready(lease) => lease?,
                Poll::Pending => {
                    // Whoever has what this waits for may need that one to come to an end.
                    self.let_oltp_go();
                    taken.await?
                }
            };
            let endpoint = lease.conn().endpoint;
            if last != Some(endpoint) {
                self.read_from.retain(|(backend, _)| *backend != index);
                self.read_from.push((index, endpoint));
            }
            let target = lease.conn().cancel.clone();
            self.slot.point(&backend.connector, target.as_ref());
            self.leased = Some(Leased {
                lease,
                block: None,
                tainted: false,
                cursor: None,
                portals: Vec::new(),
                open_cursors: Vec::new(),
            });
        }
        self.follow_settings(proof.backend());
        self.make_visible(proof);
        let snapshot_block = backend.dialect.snapshot_block();
        let block = snapshot_block
            .filter(|_| one_snapshot && matches!(proof, Proof::Read(_)))
            .or(backend.dialect.read_block());
        if let (Some((begin, end)), Some(leased)) = (block, self.leased.as_mut())
            && leased.block.is_none()
        {
            leased.block = Some(end);
            self.send_query(Side::Analytic, begin.as_bytes(), To::Errors);
        }
        Ok(())
    }

    /// Makes sure of one for this text, which has to mean there what it was understood to mean. A read was proven to.
    pub(super) async fn need_analytic_for(
        &mut self,
        proof: Proof,
        text: &[u8],
        facts: &StatementFacts,
    ) -> Result<(), ClientError> {
        self.check_text(proof, text, facts)?;
        self.need_analytic_for_string(proof, text).await
    }

    /// Whether what changes something may do so in this transaction, and has a text that every lexer reads as ours does.
    pub(super) fn check_text(
        &self,
        proof: Proof,
        text: &[u8],
        facts: &StatementFacts,
    ) -> Result<(), ClientError> {
        self.check_settings(proof.backend(), text, facts)?;
        if matches!(proof, Proof::Read(_)) {
            return Ok(());
        }
        let by_default = || self.settings.get("default_transaction_read_only") == Some("on");
        if self.read_only.unwrap_or_else(by_default) {
            let what = if proof.writes() {
                "a change of rows"
            } else {
                "a definition"
            };
            return Err(in_read_only(what));
        }
        if sql::reads_the_same(text, &self.dialect) {
            return Ok(());
        }
        let name = self.snapshot.table.backend_name(proof.backend());
        Err(may_read_differently(name))
    }

    /// Whether the settings that a statement asks for have the session's values on a backend. A wrong one might let rows be seen that
    /// should not be.
    fn check_settings(
        &self,
        backend: usize,
        text: &[u8],
        facts: &StatementFacts,
    ) -> Result<(), ClientError> {
        if !facts.functions.iter().any(|f| f.name == "current_setting") {
            return Ok(());
        }
        let dialect = self.snapshot.backends.get(backend).map(|b| b.dialect);
        let followed = dialect.map_or(&[][..], Dialect::followed_settings);
        let known = |asked: &String| {
            asked == "search_path" || followed.iter().any(|name| name.eq_ignore_ascii_case(asked))
        };
        let name = self.snapshot.table.backend_name(backend);
        match sql::settings_asked_for(text).filter(|asked| !asked.is_empty()) {
            None => Err(setting_unknown(None, name)),
            Some(asked) => match asked.iter().find(|asked| !known(asked)) {
                Some(unknown) => Err(setting_unknown(Some(unknown), name)),
                None => Ok(()),
            },
        }
    }

    /// A change of rows stands alone: in a transaction, a string or a batch that others are part of it would not be undone with them.
    fn check_write(&self, proof: Proof) -> Result<(), ClientError> {
        let in_script = |script: &super::Script| script.wrapped || script.several;
        let alone = self.status == b'I'
            && !self.batch.began
            && !self.batch.oltp_used
            && !self.script.as_ref().is_some_and(in_script);
        if !proof.writes() || alone {
            return Ok(());
        }
        let name = self.snapshot.table.backend_name(proof.backend());
        Err(write_in_transaction("a change of rows", name))
    }

    /// Lets what follows see what the session has written there before.
    fn make_visible(&mut self, proof: Proof) {
        if self.unseen_writes != Some(proof.backend()) || !proof.sees_rows() {
            return;
        }
        let backend = self.snapshot.backends.get(proof.backend());
        if let Some(text) = backend.and_then(|backend| backend.dialect.makes_visible()) {
            self.send_query(Side::Analytic, text.as_bytes(), To::Errors);
        }
        self.unseen_writes = None;
    }

    /// Takes note of a statement that is being sent to the analytic side.
    pub(super) fn note_write(&mut self, proof: Option<Proof>) {
        let Some(proof) = proof.filter(|proof| proof.writes()) else {
            return;
        };
        let backend = self.snapshot.table.config.backends.get(proof.backend());
        if backend.is_some_and(|backend| backend.read_own_writes) {
            self.unseen_writes = Some(proof.backend());
        }
    }

    /// Ends the block around reads outside of a transaction, in the same write as the last of them.
    pub(super) fn end_read_block(&mut self) {
        // A cursor that outlives transactions needs its own.
        if self.leased.as_ref().is_some_and(|l| l.cursor.is_none()) {
            self.end_block();
        }
    }

    /// Ends the block on the connection at hand.
    pub(super) fn end_block(&mut self) {
        let ends_portals = self
            .dialect_on(Side::Analytic)
            .is_some_and(|dialect| dialect.read_block().is_some());
        let Some(leased) = self.leased.as_mut() else {
            return;
        };
        if ends_portals {
            leased.portals.clear();
        }
        if let Some(end) = leased.block.take() {
            self.send_query(Side::Analytic, end.as_bytes(), To::Nobody);
        }
    }

    /// Makes names, times and texts mean on the leased connection what they mean in the client's session.
    fn follow_settings(&mut self, backend: usize) {
        let settings = self.settings_for(backend);
        let in_block = self.leased.as_ref().is_some_and(|l| l.block.is_some());
        let Some(conn) = self.conn(Side::Analytic) else {
            return;
        };
        if conn.settings.as_ref() == Some(&settings) {
            return;
        }
        // What is set inside a block is gone at its end.
        conn.settings = Some(settings.clone()).filter(|_| !in_block);
        let left = std::mem::take(&mut conn.own_settings);
        let mut text = settings;
        for name in left.iter().filter(|name| !self.own_settings.is_set(name)) {
            text.push_str(&format!("; SET {name} TO DEFAULT"));
        }
        let own = self.own_settings.iter().map(|(name, _)| name).collect();
        if let Some(conn) = self.conn(Side::Analytic) {
            conn.own_settings = own;
        }
        self.send_query(Side::Analytic, text.as_bytes(), To::Errors);
    }

    /// The statements that set what the session's own connection says of itself, as far as the engine knows it.
    fn settings_for(&self, index: usize) -> String {
        let mut text = format!(
            "SET search_path TO {}",
            self.view.path_on(index, &self.snapshot.table)
        );
        let Some(backend) = self.snapshot.backends.get(index) else {
            return text;
        };
        for setting in backend.dialect.followed_settings() {
            if let Some((name, value)) = self.told.iter().find(|(name, _)| name == setting) {
                let value = backend.dialect.followed_value(name, value);
                let value = value.map_or_else(
                    || "DEFAULT".to_owned(),
                    |value| format!("'{}'", value.replace('\'', "''")),
                );
                text.push_str(&format!("; SET {name} TO {value}"));
            }
        }
        self.put_own_settings(index, &mut text);
        text
    }

    /// Whether the leased connection can take a message for `backend` within the open batch. What it was sent before for another backend, or
    /// under other settings, is brought to its end first.
    pub(super) fn analytic_is_free_for(&mut self, backend: usize) -> bool {
        let settings = self.settings_for(backend);
        let used = self.batch.analytic_used;
        let of_cursor = self.leased.as_ref().is_some_and(|l| l.cursor.is_some());
        let Some(conn) = self.conn(Side::Analytic) else {
            return true;
        };
        let fits = conn.settings.as_ref() == Some(&settings) || !used;
        if conn.backend == backend && fits && !of_cursor {
            return true;
        }
        if self.pipeline.awaits(Side::Analytic) {
            self.flush_once();
            return false;
        }
        if std::mem::take(&mut self.batch.analytic_used) {
            self.sync_analytic();
            return false;
        }
        true
    }

    /// Ends the analytic part of a batch that goes on elsewhere.
    pub(super) fn sync_analytic(&mut self) {
        if let Some(conn) = self.conn(Side::Analytic) {
            frontend::put_sync(&mut conn.wire.out);
            self.pipeline.push(Expect::Sync, Side::Analytic, To::Errors);
        }
    }

    /// Sends a string to a side, whose replies go to `to`.
    pub(super) fn send_query(&mut self, side: Side, text: &[u8], to: To) {
        self.point_cancel_at(side);
        let own = matches!(to, To::Client | To::ClientNotReady) && side == Side::Analytic;
        let backend = own
            .then(|| self.conn(side).map(|conn| conn.backend))
            .flatten();
        let adapted =
            backend.and_then(|backend| self.text_for(backend, std::str::from_utf8(text).ok()?));
        let text = adapted.as_deref().map_or(text, str::as_bytes);
        if let Some(conn) = self.conn(side) {
            frontend::put_query(&mut conn.wire.out, text);
            conn.prepared.forget_unnamed();
            self.pipeline.push(Expect::Query, side, to);
            if to == To::Setup {
                self.slot.makes_ready(true);
            }
        }
    }

    /// Asks the default backend for the search path, within a batch or outside of one.
    ///
    /// # Errors
    /// When the pool is full. With the backend down the session goes on with the path it knows, and asks again for the next statement.
    pub(super) async fn ask_path(&mut self) -> Result<(), ClientError> {
        if let Err(error) = self.need_connection().await {
            let down = error.sqlstate == sqlstate::CONNECTION_FAILURE;
            return if down { Ok(()) } else { Err(error) };
        }
        self.path_stale = false;
        self.waits.stale = false;
        self.path_asked = true;
        let in_batch = self.batch.oltp_used;
        self.put_own_statement(PATH_QUERY.as_bytes(), To::Session);
        let Some(conn) = self.conn(Side::Oltp) else {
            return Ok(());
        };
        if in_batch {
            frontend::put_flush(&mut conn.wire.out);
        } else {
            frontend::put_sync(&mut conn.wire.out);
            self.pipeline.push(Expect::Sync, Side::Oltp, To::Session);
        }
        Ok(())
    }

    /// A statement of the router's own for the default backend, in the extended protocol and without a Sync, so that it may stand within a
    /// client's batch.
    pub(super) fn put_own_statement(&mut self, text: &[u8], to: To) {
        // No client can guess it, so none can stand in the way.
        let name = format!("tidegate_{:016x}", rand::random::<u64>());
        let name = name.as_bytes();
        let Some(conn) = self.conn(Side::Oltp) else {
            return;
        };
        let out = &mut conn.wire.out;
        frontend::put_parse(out, name, text, &[0, 0]);
        frontend::put_bind_names(out, name, name, 6);
        out.extend_from_slice(&[0; 6]);
        frontend::put_execute(out, name, 0);
        frontend::put_named(out, b'C', frontend::Named::Portal(name));
        frontend::put_named(out, b'C', frontend::Named::Statement(name));
        for expect in [
            Expect::Parse,
            Expect::Bind,
            Expect::Execute,
            Expect::Close,
            Expect::Close,
        ] {
            self.pipeline.push(expect, Side::Oltp, to);
        }
    }

    /// Nothing is owed to the client any more: goes on with what waited for that.
    pub(super) async fn settle(&mut self) -> Result<(), End> {
        self.waits.cancelled = None;
        if self.retry.is_some() {
            Box::pin(self.advance_retry()).await;
            return Ok(());
        }
        loop {
            if self.job.is_some() {
                Box::pin(self.advance_job()).await;
            }
            if self.job.is_some() {
                return Ok(());
            }
            if self.script.is_some() {
                Box::pin(self.advance_script()).await?;
            } else if self.batch.closing {
                self.advance_closing();
            }
            if self.job.is_none() {
                break;
            }
        }
        if !self.pipeline.is_empty() || self.script.is_some() || self.batch.closing {
            return Ok(());
        }
        self.end_lease();
        self.rest_cursors();
        self.restore_application();
        self.rest_oltp();
        let at_rest = self.held.is_none()
            && self.client.inbox.is_empty()
            && self.pipeline.is_empty()
            && !self.batch.oltp_used
            && !self.skipping;
        if at_rest {
            self.count_bytes();
            self.client.shrink();
            if let Some(conn) = self.conn(Side::Oltp) {
                conn.wire.shrink();
            }
            self.renew_snapshot();
        }
        Ok(())
    }

    /// Goes by the newest configuration and catalogs, unless something is under way by older ones.
    pub(super) fn renew_snapshot(&mut self) {
        let at_rest = self.status == b'I'
            && self.leased.is_none()
            && self.pipeline.is_empty()
            && self.script.is_none()
            && self.job.is_none()
            && !self.batch.oltp_used
            && !self.skipping;
        if at_rest && self.shared.is_newer(&self.snapshot) {
            let newer = self.shared.snapshot();
            if !Arc::ptr_eq(&newer.backends, &self.snapshot.backends) {
                // The connection of a cursor is known by its backend's place in the list.
                if !self.kept.is_empty() {
                    return;
                }
                self.read_from.clear();
            }
            self.snapshot = newer;
        }
    }

    /// Gives the analytic connection back once the client's transaction is over.
    fn end_lease(&mut self) {
        if self.batch.analytic_used {
            return;
        }
        self.put_back();
        if self.batch.began || self.status == b'T' || self.keeps_portals() {
            return;
        }
        let Some(leased) = self.leased.as_ref() else {
            return;
        };
        if leased.block.is_some() {
            self.end_block();
        } else if !leased.open_cursors.is_empty() {
            self.close_portals();
        } else if !self.end_portals() {
            self.drop_lease();
        }
    }

    /// Gives the analytic connection back now; one that is not at rest is closed.
    pub(super) fn drop_lease(&mut self) {
        self.count_bytes();
        let cancelling = self.slot.release();
        self.point_cancel_at_oltp();
        if let Some(leased) = self.leased.take() {
            let left = !leased.portals.is_empty() || !leased.open_cursors.is_empty();
            let in_use = leased.block.is_some() || left;
            leased
                .lease
                .give_back(cancelling || leased.tainted || in_use);
            if leased.cursor.is_none() {
                self.cursors.lose_within_transaction();
            }
        }
    }

    /// Cancel requests go to the side that is given work now; without a lease they go to the default backend anyway.
    pub(super) fn point_cancel_at(&mut self, side: Side) {
        let Some(leased) = self.leased.as_ref() else {
            return;
        };
        if side == Side::Oltp {
            return self.point_cancel_at_oltp();
        }
        let conn = leased.lease.conn();
        if let Some(backend) = self.snapshot.backends.get(conn.backend) {
            self.slot.point(&backend.connector, conn.cancel.as_ref());
        }
    }

    pub(super) fn point_cancel_at_oltp(&mut self) {
        let target = self
            .oltp
            .as_ref()
            .and_then(|lease| lease.conn().cancel.as_ref());
        if let Some(backend) = self.snapshot.oltp() {
            self.slot.point(&backend.connector, target);
        }
    }

    /// Ends the connections at the end of the session. What still runs for a client that was sent away is cancelled.
    pub(super) async fn leave_backends(&mut self, sent_away: bool) {
        if !sent_away {
            self.finish_own_replies().await;
        }
        if self.pipeline.awaits(Side::Analytic) {
            self.cancel_analytic().await;
        }
        let target = self
            .oltp
            .as_ref()
            .and_then(|lease| lease.conn().cancel.clone());
        if let (true, Some(target), Some(backend)) = (
            sent_away && self.pipeline.awaits(Side::Oltp),
            target,
            self.snapshot.oltp(),
        ) {
            crate::backend::cancel::cancel(&backend.connector, &target).await;
        }
        if self.leased.is_some() && self.pipeline.awaits(Side::Analytic) {
            let _ = self.slot.release();
            self.leased = None;
        }
        self.drop_lease();
        self.leave_cursors();
        for reason in self.pins.iter() {
            self.shared.metrics.pinned(reason, false);
        }
        let kept = self.oltp.take().and_then(|lease| self.leave_oltp(lease));
        if let Some(lease) = kept {
            lease.close().await;
        }
    }

    /// Adds what has passed the sockets since the last call to the metrics.
    pub(super) fn count_bytes(&mut self) {
        let (from, to) = [Side::Oltp, Side::Analytic]
            .iter()
            .fold((0, 0), |(from, to), side| {
                self.conn(*side).map_or((from, to), |conn| {
                    let sums = (from + conn.wire.received, to + conn.wire.sent);
                    (conn.wire.received, conn.wire.sent) = (0, 0);
                    sums
                })
            });
        let now = [self.client.received, self.client.sent];
        let grown = [now[0] - self.counted[0], now[1] - self.counted[1], from, to];
        self.counted = now;
        for (counter, bytes) in self.shared.metrics.bytes.iter().zip(grown) {
            if bytes > 0 {
                counter.increment(bytes);
            }
        }
    }
}
