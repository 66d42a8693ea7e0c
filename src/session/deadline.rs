//! How long does a client wait for the analytic side?
//!
//! For as long as its `statement_timeout` allows, which PostgreSQL is asked for with the search path and an analytic engine need not know
//! of; and after a cancel request for [`limits::CANCEL_GRACE`] at most. Then the client gets PostgreSQL's own error, whatever the engine does.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::pipeline::Side;
use super::tracking::may_set_anything;
use super::{End, Session};
use crate::error::ClientError;
use crate::limits::CANCEL_GRACE;
use crate::sql::{SessionEffect, StatementFacts};

const STATEMENT_TIMEOUT: &str = "statement_timeout";

/// What bounds the session's waits.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Its `statement_timeout`, as last asked for.
    timeout: Option<Duration>,
    /// That may have changed since.
    pub(super) stale: bool,
    /// A statement of the transaction may have changed it, which its end may take back.
    moved: bool,
    /// The message whose answer is waited for, and since when.
    since: Option<(u64, Instant)>,
    /// When a cancel request reached what runs now.
    pub(super) cancelled: Option<Instant>,
}

impl Waits {
    /// Takes note of a statement that is sent to the default backend.
    pub(super) fn track(&mut self, facts: &StatementFacts) {
        if may_move_timeout(facts) {
            self.stale = true;
            self.moved = true;
        }
    }

    /// A transaction has ended.
    pub(super) fn transaction_ended(&mut self) {
        self.stale |= std::mem::take(&mut self.moved);
    }

    /// PostgreSQL has shown the setting.
    pub(super) fn set_timeout(&mut self, shown: &str) {
        self.timeout = duration(shown);
    }

    /// When the wait for the answer to message `number` is over.
    fn until(&mut self, number: u64, now: Instant) -> Option<Instant> {
        let begun = match self.since {
            Some((waited, begun)) if waited == number => begun,
            _ => now,
        };
        self.since = Some((number, begun));
        let timeout = self.timeout.and_then(|timeout| begun.checked_add(timeout));
        let cancelled = self.cancelled.map(|at| at + CANCEL_GRACE);
        timeout.into_iter().chain(cancelled).min()
    }
}

impl Session {
    /// Waits for sockets while the analytic side is to answer.
    pub(super) async fn wait_for_analytic(&mut self, number: u64) -> Result<(), End> {
        let until = self.waits.until(number, Instant::now());
        let slot = std::sync::Arc::clone(&self.slot);
        let over = async {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            moved = std::future::poll_fn(|cx| self.poll_sockets(cx, false)) => moved,
            () = slot.reached() => {
                // Asking again does not make it longer.
                self.waits.cancelled.get_or_insert_with(Instant::now);
                Ok(())
            }
            () = over => {
                let why = if self.waits.cancelled.is_some_and(|at| at.elapsed() >= CANCEL_GRACE) {
                    ClientError::cancelled()
                } else {
                    ClientError::timed_out()
                };
                tracing::info!(%why, "an analytic statement is not waited for any more");
                self.abandon_analytic(why)
            }
        }
    }

    /// The message that the analytic side is to answer next, if it is its turn.
    pub(super) fn analytic_turn(&self) -> Option<u64> {
        let front = self.pipeline.front()?;
        (front.side == Side::Analytic).then_some(front.number)
    }
}

/// Whether a statement may change `statement_timeout`.
fn may_move_timeout(facts: &StatementFacts) -> bool {
    let by_session = match &facts.session {
        SessionEffect::Set { name, .. } | SessionEffect::Reset(Some(name)) => {
            name == STATEMENT_TIMEOUT
        }
        SessionEffect::Reset(None) | SessionEffect::Discard(_) | SessionEffect::Execute(_) => true,
        _ => false,
    };
    by_session || may_set_anything(facts)
}

/// A duration as PostgreSQL shows one; `None` for 0, which is no bound.
fn duration(shown: &str) -> Option<Duration> {
    let digits = shown.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = shown.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = match unit {
        "" | "ms" => 1,
        "s" => 1000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let milliseconds = number.checked_mul(unit)?;
    (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_postgres_shows_it() {
        for (shown, milliseconds) in [
            ("1500ms", 1500),
            ("5s", 5000),
            ("2min", 120_000),
            ("3h", 10_800_000),
            ("1d", 86_400_000),
            ("7", 7),
        ] {
            assert_eq!(
                duration(shown),
                Some(Duration::from_millis(milliseconds)),
                "{shown}"
            );
        }
        for shown in ["0", "", "s", "5 weeks", "99999999999999999999d"] {
            assert_eq!(duration(shown), None, "{shown}");
        }
    }

    #[test]
    fn each_message_has_its_own_time_and_a_cancel_shortens_it() {
        let mut waits = Waits::default();
        let (begun, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(waits.until(1, begun), None);
        waits.set_timeout("10s");
        assert_eq!(
            waits.until(1, begun + 4 * second),
            Some(begun + 10 * second)
        );
        assert_eq!(
            waits.until(2, begun + 4 * second),
            Some(begun + 14 * second)
        );
        waits.cancelled = Some(begun);
        assert_eq!(
            waits.until(2, begun + 5 * second),
            Some(begun + CANCEL_GRACE)
        );
    }
}
