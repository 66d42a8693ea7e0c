//! What is a client told when a backend fails it?
//!
//! Without its connection to the default backend a session ends; without an analytic one it goes on, and every reply that is owed
//! becomes an error. Inside a message nothing can be said, so a client that has half a row is closed without a word.

use super::batch::FailedBy;
use super::pipeline::Side;
use super::{End, Leased, Session};
use crate::config::AccessMode;
use crate::error::ClientError;
use crate::protocol::backend::ErrorFields;
use crate::protocol::compose;

impl Session {
    /// A connection is lost.
    pub(super) fn lost(&mut self, side: Side, why: &str) -> Result<bool, End> {
        if side == Side::Analytic {
            let cancelled = self.waits.cancelled.map(|_| ClientError::cancelled());
            return self.lose_analytic(why, cancelled);
        }
        let name = self
            .snapshot
            .table
            .backend_name(self.snapshot.table.config.default)
            .to_owned();
        tracing::warn!(backend = name, why, "connection lost");
        if self.is_within_message() {
            return Err(End::CutOff);
        }
        self.oltp = None;
        let running = !self.pipeline.is_empty() || self.status != b'I';
        let message = format!("connection to backend \"{name}\" was lost");
        let error = if running {
            let detail = "What was running may or may not have been done.";
            ClientError::lost(message)
                .detail(detail)
                .hint("Connect again and look before you repeat it.")
        } else {
            ClientError::unreachable(message).hint("Nothing was running. Connect again.")
        };
        Err(End::Told(error.fatal()))
    }

    /// A backend does not keep to the protocol: nothing it says can be trusted any more.
    pub(super) fn broke(&mut self, side: Side, why: &str) -> Result<bool, End> {
        if side == Side::Oltp {
            return self.lost(side, why);
        }
        let message = format!("backend \"{}\" broke the protocol", self.analytic_name());
        let error = ClientError::broken(message).detail(format!("Of its connection: {why}."));
        let error = if self.analytic_may_change() {
            error.hint("What was running may or may not have been done. The other backend is not affected.")
        } else {
            error.hint("The statement was only read, nothing was changed. The other backend is not affected.")
        };
        self.lose_analytic(why, Some(error))
    }

    /// An analytic connection is lost: the client gets one clean error for each reply it waits for, the first of them `said` where there is
    /// something to say.
    pub(super) fn lose_analytic(
        &mut self,
        why: &str,
        said: Option<ClientError>,
    ) -> Result<bool, End> {
        let name = self.analytic_name();
        tracing::warn!(backend = name, why, "connection lost");
        if self.is_within_message() {
            return Err(End::CutOff);
        }
        drop(self.part_from_analytic(said));
        Ok(true)
    }

    /// The client waits no longer for what the analytic side does: it is told why, and the statement is ended behind its back. The
    /// connection is not given back before that is done.
    pub(super) fn abandon_analytic(&mut self, why: ClientError) -> Result<(), End> {
        if self.is_within_message() {
            return Err(End::CutOff);
        }
        if let Some(leased) = self.part_from_analytic(Some(why)) {
            let conn = leased.lease.conn();
            let backend = self.snapshot.backends.get(conn.backend);
            let connector = backend.map(|backend| backend.connector.clone());
            if let (Some(connector), Some(target)) = (connector, conn.cancel.clone()) {
                tokio::spawn(async move {
                    crate::backend::cancel::cancel(&connector, &target).await;
                    drop(leased);
                });
            }
        }
        Ok(())
    }

    /// Whether more than reads may be running there.
    fn analytic_may_change(&mut self) -> bool {
        let index = self
            .conn(Side::Analytic)
            .map_or(usize::MAX, |conn| conn.backend);
        let backend = self.snapshot.table.config.backends.get(index);
        let writes = backend.is_some_and(|backend| backend.access == AccessMode::ReadWrite);
        writes || self.job.is_some()
    }

    fn analytic_name(&mut self) -> String {
        let index = self
            .conn(Side::Analytic)
            .map_or(usize::MAX, |conn| conn.backend);
        self.snapshot.table.backend_name(index).to_owned()
    }

    /// Takes the analytic connection from the session, which never uses it again, and tells the client.
    fn part_from_analytic(&mut self, said: Option<ClientError>) -> Option<Leased> {
        let name = self.analytic_name();
        let may_change = self.analytic_may_change();
        let _ = self.slot.release();
        let leased = self.leased.take();
        if let Some(leased) = &leased {
            self.lose_cursors_of(leased);
        }
        self.point_cancel_at_oltp();
        self.waits.cancelled = None;
        self.batch.analytic_used = false;
        let lost = self.pipeline.lose(Side::Analytic);
        let generic = ClientError::lost(format!("connection to backend \"{name}\" was lost"));
        let generic = if may_change {
            generic
                .detail("What was running may or may not have been done.")
                .hint("Look before you repeat it; the other backend is not affected.")
        } else {
            generic
                .detail("The statement was only read, nothing was changed.")
                .hint("Try again; the other backend is not affected.")
        };
        if self.on_job_failed(said.clone().unwrap_or_else(|| generic.clone())) {
            return leased;
        }
        let mut said = said;
        let mut tell = |out: &mut bytes::BytesMut| {
            let error = said.take();
            compose::put_error(out, error.as_ref().unwrap_or(&generic));
        };
        for _ in 0..lost.readies {
            tell(&mut self.client.out);
            self.put_ready();
        }
        if lost.in_string || (lost.open && self.script.is_some()) {
            tell(&mut self.client.out);
            if let Some(script) = self.script.as_mut() {
                script.failed = Some(FailedBy::Other);
            }
        } else if lost.open {
            tell(&mut self.client.out);
            self.batch.failed = Some(FailedBy::Other);
            self.skipping = !self.batch.closing;
        }
        leased
    }

    /// An error of an analytic backend in PostgreSQL's words; `None` where it is passed on as it is.
    pub(super) fn in_postgres_words(
        &mut self,
        side: Side,
        fields: &ErrorFields,
    ) -> Option<ClientError> {
        if side == Side::Oltp {
            return None;
        }
        let cancelled = self.waits.cancelled.take().is_some();
        let dialect = self.dialect_on(side)?;
        let told = dialect.translate_error(&fields.code, &fields.message)?;
        // What else fails while a statement is being cancelled fails for that.
        if cancelled && told.sqlstate == "XX000" {
            return Some(ClientError::cancelled());
        }
        Some(told)
    }

    /// An analytic engine may go on with a query whose client is gone (RisingWave does, for minutes), so it is told to stop.
    pub(super) async fn cancel_analytic(&mut self) {
        let Some(leased) = self.leased.as_ref() else {
            return;
        };
        let conn = leased.lease.conn();
        if let (Some(backend), Some(target)) =
            (self.snapshot.backends.get(conn.backend), &conn.cancel)
        {
            crate::backend::cancel::cancel(&backend.connector, target).await;
        }
    }
}
