//! How many instructions does a piece of work take? For callgrind, by `bench/count`: what it says does not depend on what else the machine
//! does.
//!
//! `count CASE ROUNDS` does a case so many times, after it was done once; `count` alone lists the cases. Only what is done within [`measured`] is
//! to be counted: what comes before differs from run to run, as maps have random seeds.

mod pure;
#[path = "../scene.rs"]
mod scene;
mod session;

use std::process::ExitCode;

type Case = (&'static str, fn(usize));

/// Callgrind counts from where this begins to where it ends.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}

fn main() -> ExitCode {
    let cases: Vec<Case> = pure::CASES.into_iter().chain(session::CASES).collect();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [wanted, rounds] = arguments.as_slice() else {
        for (name, _) in cases {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    let case = cases.iter().find(|(name, _)| name == wanted);
    match (case, rounds.parse()) {
        (Some((_, run)), Ok(rounds)) => {
            run(rounds);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: count [CASE ROUNDS]");
            ExitCode::FAILURE
        }
    }
}
