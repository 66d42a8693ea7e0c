//! Who gets which connection next?
//!
//! Pure: idle connections, how many are open for whom, and who waits, in order of arrival. Of the idle ones a client gets the one it had
//! last, else the one used last that nobody else counts on, so that load which falls lets the rest grow old and go. Every connection that
//! becomes free goes to the first who waits and can use it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::key::PoolKey;
use crate::config::PoolLimits;

/// What a pool must know of a connection.
pub(super) trait Parkable {
    /// Its number.
    fn id(&self) -> u64;
    /// A client was told its process id, and lives.
    fn is_somebodys_home(&self) -> bool;
    /// When it is to be replaced.
    fn expires(&self) -> Instant;
}

/// A connection at rest.
pub(super) struct Parked<C> {
    pub(super) key: Arc<PoolKey>,
    pub(super) conn: C,
    since: Instant,
}

/// What one who asked may do. The connection, or the right to open one, is counted as open for its key.
pub(super) enum Grant<C> {
    /// Use this one.
    Use(C),
    /// Open one, after closing this one where there is any.
    Open(Option<C>),
}

struct Waiter<C> {
    number: u64,
    key: Arc<PoolKey>,
    prefer: Option<u64>,
    grant: oneshot::Sender<Grant<C>>,
}

/// One backend's connections, idle and in use, and those who wait.
pub(super) struct Desk<C> {
    limits: PoolLimits,
    idle: Vec<Parked<C>>,
    open: HashMap<Arc<PoolKey>, usize>,
    total: usize,
    waiters: VecDeque<Waiter<C>>,
    next: u64,
    /// Until then connections to this database, or to any, that nobody waits for are closed instead of kept.
    keeps_none: Vec<(Option<Box<str>>, Instant)>,
}

impl<C: Parkable> Desk<C> {
    pub(super) fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            idle: Vec::new(),
            open: HashMap::new(),
            total: 0,
            waiters: VecDeque::new(),
            next: 0,
            keeps_none: Vec::new(),
        }
    }

    /// An idle connection for `key`, `prefer` where that is one, if it is as `wanted` says. It stays where it is if not.
    pub(super) fn take_if(
        &mut self,
        key: &Arc<PoolKey>,
        prefer: Option<u64>,
        wanted: impl FnOnce(&mut C) -> bool,
    ) -> Option<C> {
        let at = self.free(key, prefer)?;
        let fit = self
            .idle
            .get_mut(at)
            .is_some_and(|parked| wanted(&mut parked.conn));
        fit.then(|| self.idle.remove(at).conn)
    }

    fn free(&self, key: &Arc<PoolKey>, prefer: Option<u64>) -> Option<usize> {
        let own = prefer.and_then(|id| {
            self.idle
                .iter()
                .rposition(|parked| parked.conn.id() == id && fits(parked, key))
        });
        own.or_else(|| {
            self.idle
                .iter()
                .rposition(|parked| fits(parked, key) && !parked.conn.is_somebodys_home())
        })
    }

    /// A connection for `key`, `prefer` where it is idle. `None` when one must wait.
    pub(super) fn ask(&mut self, key: &Arc<PoolKey>, prefer: Option<u64>) -> Option<Grant<C>> {
        if let Some(at) = self.free(key, prefer) {
            return Some(Grant::Use(self.idle.remove(at).conn));
        }
        if self.has_room(key) {
            self.count_in(key);
            return Some(Grant::Open(None));
        }
        if let Some(at) = self.idle.iter().rposition(|parked| fits(parked, key)) {
            return Some(Grant::Use(self.idle.remove(at).conn));
        }
        let victim = self.victim(key)?;
        let closed = self.idle.remove(victim);
        self.count_out(&closed.key);
        self.count_in(key);
        Some(Grant::Open(Some(closed.conn)))
    }

    /// Waits in the queue. The number is for [`Desk::leave`].
    pub(super) fn queue(
        &mut self,
        key: &Arc<PoolKey>,
        prefer: Option<u64>,
    ) -> (u64, oneshot::Receiver<Grant<C>>) {
        let (grant, granted) = oneshot::channel();
        self.next += 1;
        self.waiters.push_back(Waiter {
            number: self.next,
            key: Arc::clone(key),
            prefer,
            grant,
        });
        (self.next, granted)
    }

    /// Waits no more. Whether it was still in the queue: if not, it was granted something that it must give back.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        let before = self.waiters.len();
        self.waiters.retain(|waiter| waiter.number != number);
        self.waiters.len() < before
    }

    /// Takes a connection back. Returns it where it is to be closed.
    pub(super) fn park(&mut self, key: Arc<PoolKey>, conn: C, now: Instant) -> Option<C> {
        self.idle.push(Parked {
            key,
            conn,
            since: now,
        });
        self.serve();
        self.keeps_none.retain(|(_, until)| *until >= now);
        if self.keeps_none.is_empty() {
            return None;
        }
        // Nobody has taken it.
        let parked = self.idle.pop_if(|parked| {
            let unwanted = |database: &Option<Box<str>>| {
                database
                    .as_ref()
                    .is_none_or(|name| *name == parked.key.database)
            };
            self.keeps_none
                .iter()
                .any(|(database, _)| unwanted(database))
        })?;
        self.count_out(&parked.key);
        self.serve();
        Some(parked.conn)
    }

    /// A connection for this key is closed.
    pub(super) fn closed(&mut self, key: &Arc<PoolKey>) {
        self.count_out(key);
        self.serve();
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiters.len()
    }

    /// How many are idle, and how many in use or being opened.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.idle.len(), self.total - self.idle.len())
    }

    /// How many of a key are in use or being opened.
    pub(super) fn busy_for(&self, key: &PoolKey) -> usize {
        let idle = self.idle.iter().filter(|parked| *parked.key == *key);
        self.open.get(key).copied().unwrap_or_default() - idle.count()
    }

    /// Removes the idle connections that `goes` says.
    pub(super) fn dismiss(&mut self, mut goes: impl FnMut(&mut C) -> bool) -> Vec<C> {
        self.dismiss_parked(|parked| goes(&mut parked.conn))
    }

    fn dismiss_parked(&mut self, goes: impl FnMut(&mut Parked<C>) -> bool) -> Vec<C> {
        let gone: Vec<Parked<C>> = self.idle.extract_if(.., goes).collect();
        for parked in &gone {
            self.count_out(&parked.key);
        }
        if !gone.is_empty() {
            self.serve();
        }
        gone.into_iter().map(|parked| parked.conn).collect()
    }

    /// How many are open for a key.
    pub(super) fn open_for(&self, key: &Arc<PoolKey>) -> usize {
        self.open.get(key).copied().unwrap_or_default()
    }

    /// Whether one who asks now for a connection that is nobody's home would not get one.
    pub(super) fn is_full_for(&self, key: &Arc<PoolKey>) -> bool {
        let free = |parked: &Parked<C>| parked.key == *key && !parked.conn.is_somebodys_home();
        !self.has_room(key) && !self.idle.iter().any(free)
    }

    /// Removes idle connections that are too old, or idle for too long while more than the minimum are open for their database and user.
    pub(super) fn age(&mut self, now: Instant, idle: Duration) -> Vec<C> {
        let min = self.limits.min;
        let mut gone = Vec::new();
        let mut at = 0;
        while let Some(parked) = self.idle.get(at) {
            let too_old = parked.conn.expires() <= now;
            let unused = now.saturating_duration_since(parked.since) > idle;
            let spare = || self.count(|other| other.same_group(&parked.key)) > min;
            if too_old || (unused && spare()) {
                let parked = self.idle.remove(at);
                self.count_out(&parked.key);
                gone.push(parked.conn);
            } else {
                at += 1;
            }
        }
        if !gone.is_empty() {
            self.serve();
        }
        gone
    }

    /// A login that has fewer connections open than the minimum, though it is in use or one of `always`, and `may` have more. One more is
    /// counted as open for it.
    pub(super) fn short(
        &mut self,
        always: &[Arc<PoolKey>],
        may: impl Fn(&PoolKey) -> bool,
    ) -> Option<Arc<PoolKey>> {
        let lacks = |key: &&Arc<PoolKey>| {
            self.count(|other| other.same_group(key)) < self.limits.min
                && self.has_room(key)
                && may(key)
        };
        let key = Arc::clone(self.open.keys().chain(always).find(lacks)?);
        self.count_in(&key);
        Some(key)
    }

    /// Removes idle connections to a database, or to any, and keeps none of them until then.
    pub(super) fn evict(&mut self, database: Option<&str>, now: Instant, until: Instant) -> Vec<C> {
        self.keeps_none.retain(|(_, until)| *until >= now);
        self.keeps_none.push((database.map(Box::from), until));
        self.dismiss_parked(|parked| {
            database.is_none_or(|database| *parked.key.database == *database)
        })
    }

    /// Keeps connections to a database, or to any, again.
    pub(super) fn readmit(&mut self, database: Option<&str>) {
        self.keeps_none
            .retain(|(closed, _)| closed.as_deref() != database);
    }

    /// Gives what has become free to the first who can use it. One thing becomes free at a time, or a few at rest, so this stops at
    /// the first who must go on waiting while nothing is idle.
    fn serve(&mut self) {
        let mut at = 0;
        while let Some(waiter) = self.waiters.get(at) {
            let (key, prefer) = (Arc::clone(&waiter.key), waiter.prefer);
            let Some(grant) = self.ask(&key, prefer) else {
                if self.idle.is_empty() && self.total >= self.limits.total {
                    return;
                }
                at += 1;
                continue;
            };
            let Some(waiter) = self.waiters.remove(at) else {
                return;
            };
            match waiter.grant.send(grant) {
                Ok(()) => return,
                Err(Grant::Use(conn)) => self.idle.push(Parked {
                    key,
                    conn,
                    since: Instant::now(),
                }),
                // It had given up; its victim is closed, and the next may open one.
                Err(Grant::Open(_)) => self.count_out(&key),
            }
        }
    }

    fn has_room(&self, key: &PoolKey) -> bool {
        self.total < self.limits.total
            && self.count(|other| other.same_group(key)) < self.limits.size
            && self.count(|other| other.user == key.user) < self.limits.per_user
    }

    /// The idle connection, used longest ago, whose end makes room for `key`.
    fn victim(&self, key: &PoolKey) -> Option<usize> {
        let group_full = self.count(|other| other.same_group(key)) >= self.limits.size;
        let user_full = self.count(|other| other.user == key.user) >= self.limits.per_user;
        self.idle.iter().position(|parked| {
            (!group_full || parked.key.same_group(key))
                && (!user_full || parked.key.user == key.user)
        })
    }

    fn count(&self, wanted: impl Fn(&PoolKey) -> bool) -> usize {
        let matching = self.open.iter().filter(|(key, _)| wanted(key));
        matching.map(|(_, open)| open).sum()
    }

    fn count_in(&mut self, key: &Arc<PoolKey>) {
        *self.open.entry(Arc::clone(key)).or_default() += 1;
        self.total += 1;
    }

    fn count_out(&mut self, key: &Arc<PoolKey>) {
        if let Some(open) = self.open.get_mut(key) {
            *open -= 1;
            self.total -= 1;
            if *open == 0 {
                self.open.remove(key);
            }
        }
    }
}

fn fits<C>(parked: &Parked<C>, key: &Arc<PoolKey>) -> bool {
    Arc::ptr_eq(&parked.key, key) || parked.key == *key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::connect::Login;

    struct Fake {
        id: u64,
        home: bool,
        expires: Instant,
    }

    impl Parkable for Fake {
        fn id(&self) -> u64 {
            self.id
        }
        fn is_somebodys_home(&self) -> bool {
            self.home
        }
        fn expires(&self) -> Instant {
            self.expires
        }
    }

    fn key(user: &str, database: &str, application: &str) -> Arc<PoolKey> {
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let parameters = vec![
            pair("user", user),
            pair("database", database),
            pair("application_name", application),
        ];
        Arc::new(PoolKey::new(Login {
            parameters,
            password: None,
        }))
    }

    fn desk(size: usize, total: usize) -> Desk<Fake> {
        Desk::new(PoolLimits {
            size,
            total,
            per_user: total,
            min: 0,
            ..PoolLimits::default()
        })
    }

    fn fake(id: u64) -> Fake {
        Fake {
            id,
            home: false,
            expires: Instant::now() + Duration::from_secs(60),
        }
    }

    fn opens(grant: Option<Grant<Fake>>) -> bool {
        matches!(grant, Some(Grant::Open(None)))
    }

    fn uses(grant: Option<Grant<Fake>>) -> Option<u64> {
        match grant {
            Some(Grant::Use(conn)) => Some(conn.id),
            _ => None,
        }
    }

    #[test]
    fn the_one_used_last_is_taken_first_and_the_own_one_before_it() {
        let (mut desk, app) = (desk(3, 9), key("app", "app", ""));
        for id in 1..=3 {
            assert!(opens(desk.ask(&app, None)));
            desk.closed(&app);
            assert!(opens(desk.ask(&app, None)), "{id}");
        }
        for id in 1..=3 {
            desk.park(Arc::clone(&app), fake(id), Instant::now());
        }
        assert_eq!(uses(desk.ask(&app, Some(1))), Some(1));
        assert_eq!(uses(desk.ask(&app, Some(1))), Some(3));
        assert_eq!(uses(desk.ask(&app, None)), Some(2));
        assert!(desk.ask(&app, None).is_none());
    }

    #[test]
    fn one_that_needs_a_second_look_stays_where_it_is() {
        let (mut desk, app) = (desk(3, 9), key("app", "app", ""));
        assert!(desk.take_if(&app, None, |_| true).is_none());
        for id in 1..=2 {
            assert!(opens(desk.ask(&app, None)));
            desk.park(Arc::clone(&app), fake(id), Instant::now());
            assert_eq!(desk.counts(), (1, 0));
            assert!(desk.take_if(&app, Some(id), |_| false).is_none());
            assert_eq!(desk.counts(), (1, 0));
            let taken = desk.take_if(&app, None, |conn| conn.id == id);
            assert_eq!(taken.map(|conn| conn.id), Some(id));
            assert_eq!(desk.counts(), (0, 1));
            desk.closed(&app);
        }
    }

    #[test]
    fn somebodys_home_is_left_alone_while_there_is_room() {
        let (mut desk, app) = (desk(2, 9), key("app", "app", ""));
        assert!(opens(desk.ask(&app, None)));
        let home = Fake {
            home: true,
            ..fake(1)
        };
        desk.park(Arc::clone(&app), home, Instant::now());
        assert!(opens(desk.ask(&app, None)));
        assert_eq!(uses(desk.ask(&app, None)), Some(1));
    }

    #[test]
    fn those_who_wait_are_served_in_order() {
        let (mut desk, app) = (desk(1, 9), key("app", "app", ""));
        assert!(opens(desk.ask(&app, None)));
        let (_, mut first) = desk.queue(&app, None);
        let (second_number, mut second) = desk.queue(&app, None);
        let (_, mut third) = desk.queue(&app, None);
        assert!(desk.leave(second_number));
        desk.park(Arc::clone(&app), fake(1), Instant::now());
        assert!(matches!(first.try_recv(), Ok(Grant::Use(_))));
        assert!(second.try_recv().is_err() && third.try_recv().is_err());
        // A connection that is lost instead of given back lets the next open one.
        desk.closed(&app);
        assert!(matches!(third.try_recv(), Ok(Grant::Open(None))));
        assert_eq!((desk.counts(), desk.waiting()), ((0, 1), 0));
    }

    #[test]
    fn one_who_gave_up_is_passed_over() {
        let (mut desk, app) = (desk(1, 9), key("app", "app", ""));
        assert!(opens(desk.ask(&app, None)));
        let (_, gone) = desk.queue(&app, None);
        let (_, mut next) = desk.queue(&app, None);
        drop(gone);
        desk.park(Arc::clone(&app), fake(1), Instant::now());
        assert!(matches!(next.try_recv(), Ok(Grant::Use(_))));
    }

    #[test]
    fn an_idle_connection_of_another_login_makes_room() {
        let mut desk = desk(1, 9);
        let (psql, web) = (key("app", "app", "psql\n"), key("app", "app", "web\n"));
        assert!(opens(desk.ask(&psql, None)));
        assert!(desk.ask(&web, None).is_none());
        desk.park(Arc::clone(&psql), fake(1), Instant::now());
        assert!(matches!(desk.ask(&web, None), Some(Grant::Open(Some(victim))) if victim.id == 1));
        assert_eq!((desk.open_for(&psql), desk.open_for(&web)), (0, 1));
    }

    #[test]
    fn an_application_name_does_not_keep_connections_apart() {
        assert!(key("app", "app", "psql") == key("app", "app", "web"));
        assert!(key("app", "app", "psql") != key("app", "app", "w\u{e9}b"));
        assert!(key("app", "app", "psql") != key("app", "other", "psql"));
    }

    #[test]
    fn each_database_and_user_has_its_limit_and_all_together_one() {
        let mut desk = desk(2, 3);
        let (one, two) = (key("app", "one", ""), key("app", "two", ""));
        assert!(opens(desk.ask(&one, None)) && opens(desk.ask(&one, None)));
        assert!(desk.ask(&one, None).is_none());
        assert!(opens(desk.ask(&two, None)));
        assert!(desk.ask(&two, None).is_none());
        let (_, mut waits) = desk.queue(&two, None);
        desk.closed(&one);
        assert!(matches!(waits.try_recv(), Ok(Grant::Open(None))));
    }

    #[test]
    fn old_and_unused_connections_go_but_for_the_minimum() {
        let mut desk = desk(3, 9);
        desk.limits.min = 1;
        let (app, now) = (key("app", "app", ""), Instant::now());
        for _ in 0..3 {
            assert!(opens(desk.ask(&app, None)));
        }
        let old = Fake {
            expires: now,
            ..fake(1)
        };
        desk.park(Arc::clone(&app), old, now);
        desk.park(Arc::clone(&app), fake(2), now);
        desk.park(Arc::clone(&app), fake(3), now);
        let later = now + Duration::from_secs(20);
        assert_eq!(desk.age(later, Duration::from_secs(30)).len(), 1);
        assert_eq!(desk.age(later, Duration::from_secs(10)).len(), 1);
        assert_eq!(desk.counts(), (1, 0));
        assert_eq!(desk.evict(Some("elsewhere"), later, later).len(), 0);
        assert_eq!(desk.evict(Some("app"), later, later).len(), 1);
        assert_eq!(desk.open_for(&app), 0);
        // What comes back while a database is dropped is not kept.
        assert!(opens(desk.ask(&app, None)));
        assert!(desk.park(Arc::clone(&app), fake(4), now).is_some());
        let other = key("app", "other", "");
        assert!(opens(desk.ask(&other, None)));
        assert!(desk.park(Arc::clone(&other), fake(5), now).is_none());
        assert_eq!(desk.evict(None, now, now).len(), 1);
        assert!(opens(desk.ask(&app, None)));
        let after = later + Duration::from_secs(1);
        assert!(desk.park(Arc::clone(&app), fake(6), after).is_none());
        assert_eq!(desk.counts(), (1, 0));
    }
}
