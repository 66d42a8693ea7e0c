//! The double of RisingWave on its own, for drivers and by hand: `cargo run --example double -- PORT DATABASE`.
//!
//! PORT is a PostgreSQL's on this machine that lets the superuser `app` in without a password; what is in DATABASE becomes RisingWave's, once: a second start needs a fresh copy. It
//! prints its own port, for router.yaml (`engine: risingwave`), and ends when its input does.
#![allow(dead_code, unused_imports, reason = "the tests use more of it")]
#![allow(unreachable_pub, reason = "nothing here is used from elsewhere")]

#[path = "double/mod.rs"]
mod double;

use std::io::Read;

use double::{Double, Options};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().and_then(|port| port.parse().ok());
    let (Some(port), Some(database)) = (port, arguments.next()) else {
        eprintln!("usage: double PORT DATABASE");
        std::process::exit(2);
    };
    let double = Double::start(Options::default(), port, &database).await;
    println!("{}", double.port);
    let wait = || std::io::stdin().read_to_end(&mut Vec::new());
    let _ = tokio::task::spawn_blocking(wait).await;
}
