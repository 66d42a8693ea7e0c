//! Makes a set that fails as short as a few greedy passes can.

use std::time::{Duration, Instant};

use super::arena::Arena;
use super::mismatch::Mismatch;
use super::play::replay;
use super::script::{Act, Msg, Set};

/// How long it may take.
const BUDGET: Duration = Duration::from_secs(75);

/// How long a reply may take meanwhile.
const PATIENCE: Duration = Duration::from_secs(3);

/// A failing set, and how it fails.
pub struct Shrunk {
    pub set: Set,
    /// `None`: it did not fail again.
    pub mismatch: Option<Box<Mismatch>>,
    pub tries: usize,
    kind: String,
}

impl Shrunk {
    /// Takes a shorter set if it fails too.
    async fn attempt(&mut self, arena: &Arena, candidate: Set) -> bool {
        self.tries += 1;
        arena.settle().await;
        match replay(arena, candidate.clone(), PATIENCE).await {
            Err(mismatch) if mismatch.kind() == self.kind => {
                self.set = candidate;
                self.mismatch = Some(mismatch);
                true
            }
            _ => false,
        }
    }
}

/// The shortest set that was found to fail.
pub async fn shrink(arena: &Arena, set: Set, mismatch: &Mismatch) -> Shrunk {
    let begun = Instant::now();
    let out_of_time = || begun.elapsed() > BUDGET;
    let mut shrunk = Shrunk {
        set: set.clone(),
        mismatch: None,
        tries: 0,
        kind: mismatch.kind(),
    };
    if !shrunk.attempt(arena, set).await {
        return shrunk;
    }
    // Steps, in runs that get shorter.
    let mut run = shrunk.set.steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < shrunk.set.steps.len() && !out_of_time() {
            let mut candidate = shrunk.set.clone();
            let end = (at + run).min(candidate.steps.len());
            candidate.steps.drain(at..end);
            if !shrunk.attempt(arena, candidate).await {
                at += run;
            }
        }
        if run == 1 || out_of_time() {
            break;
        }
        run = run.div_ceil(2);
    }
    // Messages, and statements of a string.
    for at in (0..shrunk.set.steps.len()).rev() {
        let mut index = shrunk.set.steps[at].messages().len();
        while index > 0 && !out_of_time() {
            index -= 1;
            for candidate in shorter(&shrunk.set, at, index) {
                if shrunk.attempt(arena, candidate).await {
                    break;
                }
            }
        }
    }
    shrunk
}

/// The set without a message, or without one of its statements.
fn shorter(set: &Set, at: usize, index: usize) -> Vec<Set> {
    let mut found = Vec::new();
    let messages = set.steps[at].messages();
    let mut with = |messages: Vec<Msg>| {
        let mut candidate = set.clone();
        candidate.steps[at].act = Act::Send(messages);
        found.push(candidate);
    };
    let Some(message) = messages.get(index) else {
        return found;
    };
    if message.is_dispensable() && messages.len() > 1 {
        let mut fewer = messages.to_vec();
        fewer.remove(index);
        with(fewer);
    }
    if let Msg::Query(parts) = message {
        for part in (0..parts.len()).filter(|_| parts.len() > 1) {
            let mut fewer = messages.to_vec();
            let mut parts = parts.clone();
            parts.remove(part);
            fewer[index] = Msg::Query(parts);
            with(fewer);
        }
    }
    found
}
