//! Which of a backend's servers is tried next?
//!
//! Pure: what is known of each server of a url that names several, from logins and health probes. A server that is not known to be ill comes
//! before one that is, but none is ever given up: the last resort is to try it. See "Several servers" in docs/operations.md, and libpq's
//! manual for what a url with several hosts means
//! (<https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS>).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::{CONNECT_BACKOFF_FIRST, CONNECT_BACKOFF_MAX, CONNECT_SLOW};

/// What is known of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Standing {
    /// It let somebody in when last tried, or was not tried yet.
    #[default]
    Fit,
    /// It answers, but is not what `target_session_attrs` asks for.
    Unfit,
    /// It does not answer.
    Down,
}

/// What is known of the servers of one backend, by their index in its url.
#[derive(Debug)]
pub struct Endpoints(Mutex<Vec<Server>>);

#[derive(Debug, Default)]
struct Server {
    standing: Standing,
    pause: Option<Pause>,
    /// When it was chosen last, as a number that only grows.
    chosen: u64,
}

/// After a server failed slowly: nobody tries again before this is over.
#[derive(Debug)]
struct Pause {
    until: Instant,
    length: Duration,
    why: String,
}

impl Endpoints {
    /// So many servers, of which nothing is known.
    #[must_use]
    pub fn new(servers: usize) -> Self {
        Self(Mutex::new(
            std::iter::repeat_with(Server::default)
                .take(servers)
                .collect(),
        ))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// In which order they are tried: as the url has them, those last that are known to be ill.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let servers = self.lock();
        let mut order: Vec<usize> = (0..servers.len()).collect();
        order.sort_by_key(|at| servers.get(*at).map(|server| server.standing));
        order
    }

    /// The server for one who reads: the one it read from before, as another may not have come as far; else the one with the least to do,
    /// and of those the one that was chosen longest ago. An ill server is chosen only where all others are `tried`.
    #[must_use]
    pub fn choose(
        &self,
        last: Option<usize>,
        tried: &[usize],
        busy: impl Fn(usize) -> usize,
    ) -> Option<usize> {
        let mut servers = self.lock();
        let best = servers
            .iter()
            .enumerate()
            .filter(|(at, _)| !tried.contains(at))
            .min_by_key(|(at, server)| {
                (server.standing, last != Some(*at), busy(*at), server.chosen)
            });
        let at = best?.0;
        let latest = servers.iter().map(|server| server.chosen).max();
        if let Some(server) = servers.get_mut(at) {
            server.chosen = latest.unwrap_or_default() + 1;
        }
        Some(at)
    }

    /// What is known of a server.
    #[must_use]
    pub fn standing(&self, at: usize) -> Standing {
        self.lock()
            .get(at)
            .map(|server| server.standing)
            .unwrap_or_default()
    }

    /// Why a server is not tried now, if it is not.
    #[must_use]
    pub fn paused(&self, at: usize, now: Instant) -> Option<String> {
        let servers = self.lock();
        let pause = servers.get(at)?.pause.as_ref()?;
        (pause.until > now).then(|| pause.why.clone())
    }

    /// A server let somebody in. Returns what was known of it before.
    pub fn answered(&self, at: usize, standing: Standing) -> Standing {
        self.change(at, standing, |server| server.pause = None)
    }

    /// A server could not be reached, and it took so long to know. One that says no at once may be asked again at once. Returns what was
    /// known of it before.
    pub fn failed(&self, at: usize, why: &str, after: Duration, now: Instant) -> Standing {
        self.change(at, Standing::Down, |server| {
            if after < CONNECT_SLOW {
                return;
            }
            let longer = |pause: &Pause| (pause.length * 2).min(CONNECT_BACKOFF_MAX);
            let length = server.pause.as_ref().map_or(CONNECT_BACKOFF_FIRST, longer);
            server.pause = Some(Pause {
                until: now + length,
                length,
                why: why.to_owned(),
            });
        })
    }

    fn change(&self, at: usize, standing: Standing, act: impl FnOnce(&mut Server)) -> Standing {
        let mut servers = self.lock();
        let Some(server) = servers.get_mut(at) else {
            return Standing::Fit;
        };
        act(server);
        std::mem::replace(&mut server.standing, standing)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Server>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ill_servers_are_tried_last_but_tried() {
        let endpoints = Endpoints::new(3);
        assert_eq!(endpoints.order(), [0, 1, 2]);
        endpoints.failed(0, "refused", Duration::ZERO, Instant::now());
        assert_eq!(endpoints.order(), [1, 2, 0]);
        endpoints.answered(1, Standing::Unfit);
        assert_eq!(endpoints.order(), [2, 1, 0]);
        assert_eq!(endpoints.answered(0, Standing::Fit), Standing::Down);
        assert_eq!(endpoints.order(), [0, 2, 1]);
    }

    #[test]
    fn a_reader_stays_with_its_server_while_that_is_well() {
        let endpoints = Endpoints::new(2);
        assert_eq!(endpoints.choose(Some(1), &[], |at| at * 10), Some(1));
        endpoints.failed(1, "refused", Duration::ZERO, Instant::now());
        assert_eq!(endpoints.choose(Some(1), &[], |_| 0), Some(0));
        assert_eq!(endpoints.choose(Some(1), &[0], |_| 0), Some(1));
        assert_eq!(endpoints.choose(Some(1), &[0, 1], |_| 0), None);
    }

    #[test]
    fn new_readers_go_where_least_is_done_and_in_turn() {
        let endpoints = Endpoints::new(3);
        let busy = [2, 0, 0];
        let chosen: Vec<_> = (0..4)
            .map(|_| endpoints.choose(None, &[], |at| busy[at]))
            .collect();
        assert_eq!(chosen, [Some(1), Some(2), Some(1), Some(2)]);
    }

    #[test]
    fn only_slow_failures_make_others_wait_and_ever_longer() {
        let (endpoints, now) = (Endpoints::new(1), Instant::now());
        endpoints.failed(0, "refused", Duration::ZERO, now);
        assert_eq!(endpoints.paused(0, now), None);
        for length in [
            CONNECT_BACKOFF_FIRST,
            CONNECT_BACKOFF_FIRST * 2,
            CONNECT_BACKOFF_FIRST * 4,
            CONNECT_BACKOFF_MAX,
            CONNECT_BACKOFF_MAX,
        ] {
            endpoints.failed(0, "timed out", CONNECT_SLOW, now);
            let before = now + length - Duration::from_millis(1);
            assert_eq!(endpoints.paused(0, before), Some("timed out".to_owned()));
            assert_eq!(endpoints.paused(0, now + length), None);
        }
        endpoints.answered(0, Standing::Fit);
        assert_eq!(endpoints.paused(0, now), None);
    }
}
