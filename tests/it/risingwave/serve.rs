//! The double as a program, for tests that are no Rust: `cargo run --example risingwave-double -- PORT DATABASE`.
//!
//! It stands over DATABASE of the PostgreSQL on 127.0.0.1:PORT, which must be empty and let `app`, a superuser, in. It prints its url and
//! ends with its standard input.

#![allow(
    dead_code,
    unused_imports,
    reason = "the double is built for the Rust tests, which use more of it"
)]
#![allow(clippy::unwrap_used, reason = "a test's server that cannot go on ends")]

#[path = "double/mod.rs"]
mod double;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: risingwave-double PORT DATABASE";
    let port = arguments.next().and_then(|port| port.parse().ok());
    let (Some(port), Some(database)) = (port, arguments.next()) else {
        eprintln!("{usage}");
        std::process::exit(2);
    };
    let double = double::Double::start(double::Options::default(), port, &database).await;
    println!("{}", double.url("root"));
    let ended =
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    drop(ended.await);
}
