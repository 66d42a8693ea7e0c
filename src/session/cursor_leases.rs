//! Which connection is a cursor on?
//!
//! One that ends with its transaction is on the transaction's own analytic connection. One that is held has a connection to itself, from its
//! declaration to its end: neither the block around other reads nor an error in them touches it. While such a cursor is worked with, its
//! connection stands in the place of the transaction's.

use super::pins::PinReason;
use super::pipeline::{Expect, Side, To};
use super::{Session, cursors};
use crate::error::ClientError;
use crate::protocol::frontend::{self, Named};
use crate::routing::Proof;

impl Session {
    /// Takes a connection for one held cursor. Nothing of the analytic side must be under way.
    pub(super) async fn need_apart(
        &mut self,
        proof: Proof,
        number: u64,
    ) -> Result<(), ClientError> {
        self.put_back();
        self.aside = self.leased.take();
        // Its portal is one state by itself, and a snapshot's block should not last for as long as it may.
        let had = self.have_analytic(proof, false).await;
        match self.leased.as_mut() {
            Some(leased) => leased.cursor = Some(number),
            None => self.leased = self.aside.take(),
        }
        had
    }

    /// Brings the connection of a cursor to hand. Whether there is one.
    pub(super) fn reach_cursor(&mut self, number: u64) -> bool {
        let mine = |leased: &super::Leased| leased.cursor == Some(number);
        if self.leased.as_ref().is_some_and(mine) {
            return true;
        }
        self.put_back();
        if let Some(at) = self.kept.iter().position(mine) {
            let kept = self.kept.swap_remove(at);
            self.aside = self.leased.replace(kept);
            self.point_cancel_at(Side::Analytic);
            return true;
        }
        let adopted = self.cursors.is_adopted(number);
        let here = |leased: &super::Leased| adopted || leased.open_cursors.contains(&number);
        self.leased.as_ref().is_some_and(here)
    }

    /// Puts the connection of a held cursor back in its place, for good if the cursor is closed. Nothing of the analytic side must be
    /// under way.
    pub(super) fn put_back(&mut self) {
        let Some(number) = self.leased.as_ref().and_then(|leased| leased.cursor) else {
            return;
        };
        if self.cursors.has_number(number) {
            // A cancel request under way is for what has been answered by now.
            let _ = self.slot.release();
            self.kept.extend(self.leased.take());
            self.point_cancel_at_oltp();
        } else {
            self.drop_lease();
        }
        self.leased = self.aside.take();
    }

    /// Whether a failed transaction keeps its analytic connection, for cursors that a savepoint may bring back. Where it is that connection's
    /// own block that failed they are gone.
    pub(super) fn keeps_portals(&mut self) -> bool {
        let sound = self
            .conn(Side::Analytic)
            .is_some_and(|conn| conn.status != b'E');
        self.status == b'E' && sound && self.cursors.any_within_transaction()
    }

    /// Closes the portals of cursors that went with their transaction.
    pub(super) fn close_portals(&mut self) {
        let Some(leased) = self.leased.as_mut() else {
            return;
        };
        let portals = std::mem::take(&mut leased.open_cursors);
        let out = &mut leased.lease.conn_mut().wire.out;
        for number in &portals {
            let portal = cursors::portal(*number);
            frontend::put_named(out, b'C', Named::Portal(portal.as_bytes()));
        }
        frontend::put_sync(out);
        for _ in &portals {
            self.pipeline
                .push(Expect::Close, Side::Analytic, To::Nobody);
        }
        self.pipeline.push(Expect::Sync, Side::Analytic, To::Nobody);
    }

    /// Lets go of the connections of cursors that are no more, and shows others whether any is kept.
    pub(super) fn rest_cursors(&mut self) {
        self.cursors.settle();
        let at_hand = self.leased.as_ref().is_some_and(|l| l.cursor.is_some());
        if at_hand || (self.kept.is_empty() && !self.told_kept) {
            return;
        }
        let cursors = &self.cursors;
        self.kept
            .retain(|kept| kept.cursor.is_some_and(|number| cursors.has_number(number)));
        let keeps = !self.kept.is_empty();
        if std::mem::replace(&mut self.told_kept, keeps) != keeps {
            self.count_pin(PinReason::AnalyticCursor, keeps);
            self.publish_pins();
        }
    }

    /// The connections of cursors are closed with the session.
    pub(super) fn leave_cursors(&mut self) {
        self.cursors.close_all();
        self.aside = None;
        self.rest_cursors();
    }

    /// The analytic connection at hand is lost, and with it what was on it.
    pub(super) fn lose_cursors_of(&mut self, leased: &super::Leased) {
        match leased.cursor {
            Some(number) => self.cursors.lose(number),
            None => self.cursors.lose_within_transaction(),
        }
        if leased.cursor.is_some() {
            self.leased = self.aside.take();
        }
    }

    /// The process id of a connection that is kept for a cursor.
    pub(super) fn kept_pid(&self) -> Option<i32> {
        let kept = self.kept.first()?;
        kept.lease.conn().cancel.as_ref().map(|target| target.pid)
    }
}
