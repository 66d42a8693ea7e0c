//! Do the opinions still agree on what nobody has ever written?
//!
//! Statements of the corpora are cut up and put together anew, token by token and wrapped in one another. Most of it is no
//! SQL; what libpg_query accepts is judged like any statement. `TIDEGATE_MUTATIONS=1000000 make oracle` tries more, and
//! `TIDEGATE_SEED` others.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tidegate::sql::facts;
use tidegate::sql::lexer::{Dialect, lex};

use crate::compare::differences;
use crate::corpora;
use crate::second::second;

/// Longest statement taken apart.
const BYTES_MAX: usize = 300;
/// Mutations tried where nothing else is said.
const MUTATIONS: usize = 60_000;

const WRAPPERS: &[&str] = &[
    "explain analyze {}",
    "explain (analyze, verbose) {}",
    "prepare p as {}",
    "declare c cursor for {}",
    "copy ({}) to stdout",
    "create view v as {}",
    "create table n as {}",
    "create table n as {} with no data",
    "create materialized view m as {}",
    "with w as ({}) select * from w",
    "with w as materialized ({}) table w",
    "with recursive w(a) as ({}) select 1 from w, orders",
    "select * from ({}) q",
    "select * from lateral ({}) q, rows from (generate_series(1, 2)) r",
    "select exists ({})",
    "select array({})",
    "select 1 where 1 in ({})",
    "select case when (({})) then 1 end from orders for key share",
    "({})",
    "({}) union all table orders",
    "insert into orders {}",
    "insert into orders select * from ({}) q on conflict do nothing returning (select 1 from customers)",
    "update orders set a = ({})",
    "delete from orders using ({}) q where true",
    "create rule r as on insert to orders do also {}",
    "create rule r as on insert to orders do instead ({}; {})",
    "create policy p on orders using (exists ({}))",
    "create schema s create view v as {} create table n (a int references orders)",
    "merge into orders using ({}) q on true when matched then delete",
];

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// The text's tokens as they are written.
fn pieces(text: &str) -> Vec<&str> {
    lex(text.as_bytes(), Dialect::default())
        .filter(|token| token.is_significant())
        .filter_map(|token| text.get(token.start..token.end))
        .collect()
}

fn mutated(pool: &[String], rng: &mut StdRng) -> String {
    let pick = |rng: &mut StdRng| pool.choose(rng).map_or("", String::as_str).to_owned();
    let mut text = pick(rng);
    for _ in 0..rng.random_range(1..=3) {
        let other = pick(rng);
        if rng.random_ratio(1, 3) {
            let wrapper = WRAPPERS.choose(rng).copied().unwrap_or("{}");
            text = wrapper.replacen("{}", &text, 1).replace("{}", &other);
            continue;
        }
        let mut mine = pieces(&text);
        let theirs = pieces(&other);
        if mine.is_empty() || theirs.is_empty() {
            continue;
        }
        let (from, at) = (
            rng.random_range(0..theirs.len()),
            rng.random_range(0..mine.len()),
        );
        let length = rng.random_range(1..=8.min(theirs.len() - from));
        let slice = theirs[from..from + length].iter().copied();
        let removed = match rng.random_range(0..3) {
            0 => 0,
            1 => length,
            _ => rng.random_range(0..=4),
        };
        mine.splice(at..(at + removed).min(mine.len()), slice);
        text = mine.join(" ");
    }
    text
}

#[test]
fn no_mutation_makes_them_differ_dangerously() {
    let pool: Vec<String> = corpora::all()
        .into_iter()
        .flat_map(|corpus| corpus.statements)
        .filter(|text| text.len() <= BYTES_MAX && second(text).is_ok())
        .collect();
    let mut rng = StdRng::seed_from_u64(number("TIDEGATE_SEED", 1) as u64);
    let (mut accepted, mut differ) = (0, 0);
    let mut dangerous = Vec::new();
    for _ in 0..number("TIDEGATE_MUTATIONS", MUTATIONS) {
        let text = mutated(&pool, &mut rng);
        let ours = facts(text.as_bytes());
        let Ok(theirs) = second(&text) else { continue };
        accepted += 1;
        let (found, danger) = differences(&ours, &theirs);
        differ += usize::from(!found.is_empty());
        if danger {
            dangerous.push(format!("{text}\n    {}", found.join("; ")));
        }
    }
    println!(
        "{accepted} mutations accepted by libpg_query, {differ} differ, {} dangerously",
        dangerous.len()
    );
    assert!(dangerous.is_empty(), "{}", dangerous.join("\n"));
}
