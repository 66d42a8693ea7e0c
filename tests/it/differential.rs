//! A client cannot tell the router from PostgreSQL: random sequences of messages are answered alike by both, byte for byte.
//!
//! A **set** is some clients and what they send in which order, made up from a seed. It is played against PostgreSQL itself and through
//! the router, each in a database of its own that begins in the same state, and every reply is compared, apart from process ids,
//! keys, object ids of users' objects, and numbers of temporary schemas. What is counted as a **sequence** is one client's messages up to one
//! ReadyForQuery: a Query, or a batch of the extended protocol up to its Sync.
//!
//! In three sets of four clients take turns, and each step is answered before the next is sent. In the others they do so with PostgreSQL,
//! and then send to the router all that each has to say in one go, all clients at once, and read afterwards. Where clients share connections, a
//! client may step only if, however careful the router is, it need not wait for one that another client is tied to.
//!
//! ```sh
//! TIDEGATE_DIFF_SEED=17 cargo test --test it differential                          # one seed again
//! TIDEGATE_DIFF_SETS=5000 cargo test --test it differential                        # more seeds
//! TIDEGATE_DIFF_SEED=9000 TIDEGATE_DIFF_SETS=500 cargo test --test it differential  # other seeds
//! ```

mod arena;
mod compare;
mod generate;
mod mismatch;
mod play;
mod script;
mod seat;
mod shrink;
mod statements;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::run_for;
use arena::Arena;
use generate::{Author, STEPS};
use mismatch::Mismatch;
use play::Game;
use script::Set;
use seat::PATIENCE;

/// Sets that are played if nothing else is said.
const SETS: u64 = 160;

/// Failing seeds after which the rest is left out.
const FAILURES_MAX: usize = 8;

/// How many connections the clients share, by seed; `None`: each has its own.
const POOLS: [Option<usize>; 4] = [Some(1), Some(3), None, Some(1)];

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name}={value} is no number")),
    )
}

#[test]
fn random_sequences_are_answered_as_by_postgresql_itself() {
    let seed = number("TIDEGATE_DIFF_SEED");
    let sets = number("TIDEGATE_DIFF_SETS").unwrap_or(if seed.is_some() { 1 } else { SETS });
    let seeds = seed.unwrap_or(0)..seed.unwrap_or(0) + sets;
    let patience = Duration::from_secs(300 + 2 * sets);
    run_for(patience, async move {
        let begun = Instant::now();
        let failures = Arc::new(Mutex::new(BTreeMap::new()));
        let mut lanes = JoinSet::new();
        for (lane, pool) in POOLS.into_iter().enumerate() {
            let lanes_count = POOLS.len() as u64;
            let mine: Vec<u64> = seeds
                .clone()
                .filter(|seed| seed % lanes_count == lane as u64)
                .collect();
            if !mine.is_empty() {
                lanes.spawn(play_lane(pool, mine, Arc::clone(&failures)));
            }
        }
        let played: Vec<(usize, usize)> = lanes.join_all().await;
        let (sets, sequences) = played
            .iter()
            .fold((0, 0), |(sets, all), one| (sets + one.0, all + one.1));
        let took = begun.elapsed().as_secs_f32();
        println!(
            "differential: seeds {seeds:?}: {sets} sets, {sequences} sequences in {took:.1} s"
        );
        let failures = failures.lock().expect("the failures");
        let reports: Vec<&String> = failures.values().collect();
        assert!(
            reports.is_empty(),
            "{} seeds differ: {:?}",
            failures.len(),
            failures.keys()
        );
    });
}

/// Plays the seeds of one kind of pool, one after the other: how many sets and sequences were.
async fn play_lane(
    pool: Option<usize>,
    seeds: Vec<u64>,
    failures: Arc<Mutex<BTreeMap<u64, String>>>,
) -> (usize, usize) {
    let mut arena = Arena::open(pool).await;
    let (mut sets, mut sequences) = (0, 0);
    for seed in seeds {
        let (set, played) = make_up(&arena, seed).await;
        match played {
            Ok(compared) => (sets, sequences) = (sets + 1, sequences + compared),
            Err(mismatch) => {
                println!(
                    "seed {seed} differs; looking for a shorter set\n{}",
                    mismatch.shown()
                );
                let report = report(&arena, set, &mismatch).await;
                println!("{report}");
                if note(&failures, seed, report) >= FAILURES_MAX {
                    break;
                }
                // What a router in disorder does with the next set says nothing.
                arena = Arena::open(pool).await;
            }
        }
    }
    (sets, sequences)
}

/// How many failures there are with this one.
fn note(failures: &Mutex<BTreeMap<u64, String>>, seed: u64, report: String) -> usize {
    let mut failures = failures.lock().expect("the failures");
    failures.insert(seed, report);
    failures.len()
}

/// Makes a set up and plays it on the way: the set as far as it got, and how many sequences were answered alike.
async fn make_up(arena: &Arena, seed: u64) -> (Set, Result<usize, Box<Mismatch>>) {
    let (mut author, set) = Author::of(seed, arena.pool.is_some());
    let mut game = match Game::begin(arena, set.clone(), PATIENCE).await {
        Ok(game) => game,
        Err(mismatch) => return (set, Err(mismatch)),
    };
    for _ in 0..STEPS {
        let clients: Vec<usize> = (0..set.startups.len())
            .filter(|client| game.may_step(*client))
            .collect();
        if clients.is_empty() {
            break;
        }
        let client = author.choose(&clients);
        let (status, holds) = (game.status(client), game.holds(client));
        let step = author.step(client, status, holds, game.may_reconnect(client));
        match game.step(step).await {
            Ok(frames) => author.learn(client, &frames),
            Err(mismatch) => return (game.set, Err(mismatch)),
        }
    }
    let set = game.set.clone();
    (set, game.finish().await)
}

async fn report(arena: &Arena, set: Set, mismatch: &Mismatch) -> String {
    let (seed, steps) = (set.seed, set.steps.len());
    let how = format!(
        "=== seed {seed}: pool {:?}, {:?}, {} clients{}\n{}",
        arena.pool,
        set.manner,
        set.startups.len(),
        if set.mixed { ", both sides" } else { "" },
        mismatch.shown(),
    );
    if mismatch.is_void() {
        return format!("{how}\n{}", set.shown());
    }
    let shrunk = shrink::shrink(arena, set, mismatch).await;
    let Some(minimal) = &shrunk.mismatch else {
        return format!(
            "{how}\nplayed again by itself it does not differ; all of it:\n{}",
            shrunk.set.shown()
        );
    };
    format!(
        "{how}\n--- minimal: {} of {steps} steps, found in {} tries\n{}\n{}\nagain: TIDEGATE_DIFF_SEED={seed} cargo test --test it differential\n",
        shrunk.set.steps.len(),
        shrunk.tries,
        shrunk.set.shown(),
        minimal.shown(),
    )
}
