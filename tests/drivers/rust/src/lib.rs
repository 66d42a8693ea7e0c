//! What the scripts of Rust share; see ../common.py, which has the same parts and rules.
pub mod analytic;

use std::env;
use std::fmt::Debug;
use std::sync::{Arc, Mutex as Lock};
use std::time::Duration;

use tokio::sync::{Barrier, Mutex};

pub const ORDERS: &str = "SELECT count(*)::int, sum(qty)::int FROM orders";
pub const STATE: &str = "SELECT concat_ws(' | ', current_setting('search_path'), current_setting('TimeZone'), current_setting('application_name'),
    coalesce(nullif(current_setting('app.user_id', true), ''), '-'), current_user, current_setting('statement_timeout'), '2024-06-01 12:00+00'::timestamptz)";
const ZONES: [&str; 8] = [
    "Asia/Tokyo",
    "America/New_York",
    "Europe/Paris",
    "Australia/Sydney",
    "UTC",
    "Asia/Kolkata",
    "America/Lima",
    "Africa/Cairo",
];

pub fn schema(n: i32) -> String {
    let shape = if n % 2 == 1 {
        format!("{n} AS n")
    } else {
        format!("'w{n}' AS name, {n}.5::float8 AS n")
    };
    format!(
        "CREATE SCHEMA w{n}; GRANT USAGE ON SCHEMA w{n} TO PUBLIC; CREATE TABLE w{n}.who AS SELECT {shape}; GRANT ALL ON w{n}.who TO PUBLIC"
    )
}

pub fn settings(n: i32) -> Vec<String> {
    vec![
        format!("SET search_path TO w{n}, public"),
        format!("SET TIME ZONE '{}'", ZONES[n as usize % 8]),
        format!("SET application_name = 'worker {n}'"),
        format!("SELECT set_config('app.user_id', '{n}', false)"),
        format!("SET statement_timeout = '{}s'", 40 + n),
        format!("SET ROLE w{n}"),
    ]
}

pub struct Worker {
    pub n: i32,
    pub barrier: Arc<Barrier>,
    /// Whoever needs two connections at once.
    pub alone: Arc<Mutex<()>>,
    lines: Arc<Lock<Vec<String>>>,
}

impl Worker {
    pub fn say(&self, step: &str, value: impl Debug) {
        self.lines
            .lock()
            .unwrap()
            .push(format!("{step}: {value:?}"));
    }
}

/// `body` in eight tasks; prints what they said and ends the process.
pub async fn run<
    F: Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
>(
    body: fn(Worker) -> F,
) -> ! {
    let number = |name, default| env::var(name).map_or(default, |text| text.parse().unwrap());
    let workers = number("WORKERS", 8);
    let limit = Duration::from_secs(number("HANGS", 60));
    let (barrier, alone) = (Arc::new(Barrier::new(workers as usize)), Arc::default());
    let tasks: Vec<_> = (0..workers as i32)
        .map(|n| {
            let lines = Arc::<Lock<Vec<String>>>::default();
            let worker = Worker {
                n,
                barrier: Arc::clone(&barrier),
                alone: Arc::clone(&alone),
                lines: Arc::clone(&lines),
            };
            (
                n,
                lines,
                tokio::spawn(tokio::time::timeout(limit, body(worker))),
            )
        })
        .collect();
    let mut code = 0;
    for (n, lines, task) in tasks {
        let problem = match task.await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => Some(format!("BROKEN: {error:?}")),
            Ok(Err(_)) => Some("BROKEN: it hangs after this".into()),
            Err(panic) => Some(format!("BROKEN: {panic}")),
        };
        println!("== worker {n}");
        for line in lines.lock().unwrap().iter() {
            println!("{line}");
        }
        if let Some(problem) = problem {
            println!("{problem}");
            code = 1;
        }
    }
    std::process::exit(code)
}

pub fn var(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
