//! Plays a set against PostgreSQL and through the router, and compares.

use std::time::Duration;

use tokio::task::JoinSet;

use super::arena::Arena;
use super::mismatch::{DIRECT_ENDS, DIRECT_HANGS, Mismatch};
use super::script::{Act, Manner, Msg, Set, Step};
use super::seat::{Reply, Seat};
use crate::support::postgres::PAIR;
use crate::support::wire::Frame;

/// A set that is being played.
pub struct Game<'a> {
    arena: &'a Arena,
    /// Who plays; its steps are those played so far.
    pub set: Set,
    patience: Duration,
    direct: Vec<Seat>,
    routed: Vec<Seat>,
    /// Who may be tied to a connection, apart from being in a transaction.
    pinned: Vec<bool>,
    /// What PostgreSQL answered to whom, where the router is asked later.
    answers: Vec<Vec<Frame>>,
    /// ReadyForQuery messages compared.
    pub readies: usize,
}

impl<'a> Game<'a> {
    /// Logs all clients in.
    pub async fn begin(
        arena: &'a Arena,
        set: Set,
        patience: Duration,
    ) -> Result<Self, Box<Mismatch>> {
        let clients = set.startups.len();
        arena.reset(clients).await;
        let mut game = Self {
            arena,
            set,
            patience,
            direct: Vec::new(),
            routed: Vec::new(),
            pinned: vec![false; clients],
            answers: vec![Vec::new(); clients],
            readies: 0,
        };
        for client in 0..clients {
            game.log_in(client).await?;
        }
        Ok(game)
    }

    async fn log_in(&mut self, client: usize) -> Result<(), Box<Mismatch>> {
        let address = format!("127.0.0.1:{}", PAIR.0.port());
        let direct = Seat::log_in(&address, &self.arena.direct_database, &self.set, client);
        let tide = &self.arena.tide;
        let routed = Seat::log_in(
            &tide.router.address,
            &tide.sides.database,
            &self.set,
            client,
        );
        let ((direct, expected), (routed, reply)) = tokio::join!(direct, routed);
        if client < self.direct.len() {
            self.direct[client] = direct;
            self.routed[client] = routed;
        } else {
            self.direct.push(direct);
            self.routed.push(routed);
        }
        self.compare(client, "  the login\n".to_owned(), expected, reply)
    }

    /// The transaction status of a client: `I`, `T` or `E`.
    pub fn status(&self, client: usize) -> char {
        self.direct[client].status
    }

    /// A client that may be tied to a connection.
    pub fn holds(&self, client: usize) -> bool {
        self.pinned[client] || self.status(client) != 'I'
    }

    /// Whether nobody else can keep this client from a connection.
    pub fn may_step(&self, client: usize) -> bool {
        let (Some(pool), Manner::ByTurns) = (self.arena.pool, self.set.manner) else {
            return self.direct[client].open;
        };
        let holders = (0..self.pinned.len()).filter(|client| self.holds(*client));
        self.direct[client].open && (self.holds(client) || holders.count() < pool)
    }

    /// Whether this client may leave and come back: a login needs a connection too.
    pub fn may_reconnect(&self, client: usize) -> bool {
        let others = (0..self.pinned.len()).filter(|other| *other != client);
        self.set.manner == Manner::ByTurns && others.into_iter().all(|other| !self.holds(other))
    }

    /// Plays one step. The reply is PostgreSQL's.
    pub async fn step(&mut self, step: Step) -> Result<Vec<Frame>, Box<Mismatch>> {
        let client = step.client;
        let mut sent = String::new();
        step.shown(&mut sent);
        self.set.steps.push(step.clone());
        let Act::Send(messages) = &step.act else {
            self.pinned[client] = false;
            let routed = self.routed.remove(client);
            let direct = self.direct.remove(client);
            tokio::join!(direct.leave(), routed.leave());
            let (direct, routed) = (self.direct.split_off(client), self.routed.split_off(client));
            self.log_in(client).await?;
            self.direct.extend(direct);
            self.routed.extend(routed);
            return Ok(Vec::new());
        };
        // Whatever happens, it may hold its connection from here on.
        self.pinned[client] |= step.pins;
        let direct = self.direct[client].exchange(messages, self.patience);
        let (expected, reply) = match self.set.manner {
            Manner::ByTurns => {
                let routed = self.routed[client].exchange(messages, self.patience);
                let (expected, reply) = tokio::join!(direct, routed);
                (expected, Some(reply))
            }
            Manner::InOneGo => (direct.await, None),
        };
        let frames = expected.frames.clone();
        if step.frees && !frames.iter().any(|frame| frame.tag == 'E') {
            self.pinned[client] = false;
        }
        match reply {
            Some(reply) => self.compare(client, sent, expected, reply)?,
            None if expected.hangs => {
                let frames = expected.frames.clone();
                let hangs = false;
                self.compare(client, sent, expected, Reply { frames, hangs })?;
            }
            None => self.answers[client].extend(expected.frames),
        }
        Ok(frames)
    }

    /// Brings all clients back to rest, sees that nothing is left over, and logs them out.
    pub async fn finish(mut self) -> Result<usize, Box<Mismatch>> {
        let played = self.set.steps.len();
        let clients = self.pinned.len();
        // Those first who hold what the others need; and none whose login was refused.
        let mut order: Vec<usize> = (0..clients).collect();
        order.retain(|client| self.direct[*client].open);
        order.sort_by_key(|client| !self.holds(*client));
        for client in order.clone() {
            for step in Step::release(client) {
                self.step(step).await?;
            }
        }
        for client in order {
            let end = Step::send(client, vec![Msg::query("SELECT 'the end'")], false);
            self.step(end).await?;
        }
        if self.set.manner == Manner::InOneGo {
            self.all_at_once().await?;
        }
        self.set.steps.truncate(played);
        let mut leaving = JoinSet::new();
        for seat in self.direct.drain(..).chain(self.routed.drain(..)) {
            leaving.spawn(seat.leave());
        }
        leaving.join_all().await;
        Ok(self.readies)
    }

    /// Every client writes all its messages to the router; then all read.
    async fn all_at_once(&mut self) -> Result<(), Box<Mismatch>> {
        let mut running = JoinSet::new();
        for (client, mut seat) in std::mem::take(&mut self.routed).into_iter().enumerate() {
            if !self.direct[client].open {
                continue;
            }
            let steps = self.set.steps.iter().filter(|step| step.client == client);
            let messages: Vec<Msg> = steps.flat_map(|step| step.messages().to_vec()).collect();
            seat.write(&messages).await;
            let patience = self.patience;
            running.spawn(async move {
                let reply = seat.read(patience).await;
                (client, seat, reply)
            });
        }
        let mut ended = running.join_all().await;
        ended.sort_by_key(|(client, ..)| *client);
        for (client, seat, reply) in ended {
            self.routed.push(seat);
            let (frames, hangs) = (std::mem::take(&mut self.answers[client]), false);
            let mut sent = String::new();
            let steps = self.set.steps.iter().filter(|step| step.client == client);
            steps.for_each(|step| step.shown(&mut sent));
            self.compare(client, sent, Reply { frames, hangs }, reply)?;
        }
        Ok(())
    }

    fn compare(
        &mut self,
        client: usize,
        sent: String,
        direct: Reply,
        routed: Reply,
    ) -> Result<(), Box<Mismatch>> {
        self.readies += direct
            .frames
            .iter()
            .filter(|frame| frame.tag == 'Z')
            .count();
        let same = direct.frames == routed.frames;
        let refused = direct.frames.iter().any(|frame| frame.tag == 'E');
        let what = match (direct.hangs, routed.hangs) {
            (true, _) => DIRECT_HANGS,
            // A login may be refused.
            _ if !(self.direct[client].open || self.set.steps.is_empty() && refused) => DIRECT_ENDS,
            (false, true) => "the router does not answer",
            (false, false) if same => return Ok(()),
            (false, false) => "the replies differ",
        };
        Err(Box::new(Mismatch {
            client,
            at: self.set.steps.len(),
            what,
            sent,
            direct: direct.frames,
            routed: routed.frames,
        }))
    }
}

/// Plays a set that is known, and leaves out steps whose client would have to wait.
pub async fn replay(
    arena: &Arena,
    mut set: Set,
    patience: Duration,
) -> Result<usize, Box<Mismatch>> {
    let steps = std::mem::take(&mut set.steps);
    let mut game = Game::begin(arena, set, patience).await?;
    for step in steps {
        let may = match step.act {
            Act::Send(_) => game.may_step(step.client),
            Act::Reconnect => game.may_reconnect(step.client),
        };
        if may {
            game.step(step).await?;
        }
    }
    game.finish().await
}
