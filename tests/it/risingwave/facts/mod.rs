//! What RisingWave does, one test for each row of what was observed on a 2.8.4. The same tests run against a real server when `RISINGWAVE_URL` is set.
//!
//! Names are new in every run, and what is to be seen is flushed first, so that a server in use serves as well.

mod catalogs;
mod definitions;
mod errors;
mod extended;
mod sessions;
mod startup;
mod transactions;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::wire::{self, Frame, Raw, Welcome, completed, startup as startup_packet, tags};

use super::Rig;
use super::double::Options;

/// Where the server under test is, and how to log in without a password.
pub struct Subject {
    pub address: String,
    pub user: String,
    pub database: String,
}

/// One double for all facts, on a runtime that outlives each of them; or a real server.
pub static SUBJECT: LazyLock<Subject> = LazyLock::new(|| match given() {
    Some(subject) => subject,
    None => std::thread::spawn(own).join().expect("a double"),
});

/// The server at `RISINGWAVE_URL`, where one is given.
pub fn given() -> Option<Subject> {
    let url = std::env::var("RISINGWAVE_URL").ok()?;
    (!url.is_empty()).then(|| real(&url))
}

/// Runs on a thread of its own: a test's runtime cannot wait for another.
fn own() -> Subject {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let rig = runtime.block_on(Rig::start("rw_facts", Options::default()));
    let address = rig.double.address();
    std::mem::forget((runtime, rig));
    Subject {
        address,
        user: "root".to_owned(),
        database: "dev".to_owned(),
    }
}

fn real(url: &str) -> Subject {
    let config: tokio_postgres::Config = url.parse().expect("RISINGWAVE_URL is a postgres:// url");
    let host = match config.get_hosts() {
        [tokio_postgres::config::Host::Tcp(host), ..] => host.clone(),
        other => panic!("RISINGWAVE_URL names no host: {other:?}"),
    };
    let port = config.get_ports().first().copied().unwrap_or(4566);
    Subject {
        address: format!("{host}:{port}"),
        user: config.get_user().unwrap_or("root").to_owned(),
        database: config.get_dbname().unwrap_or("dev").to_owned(),
    }
}

/// A name that nothing has yet, on a server that may have seen other runs.
pub fn fresh(hint: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{hint}_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::SeqCst)
    )
}

pub async fn connect() -> Raw {
    Raw::connect(&SUBJECT.address).await
}

/// Logged in without a password.
pub async fn session() -> Raw {
    session_with_key().await.0
}

pub async fn session_with_key() -> (Raw, Welcome) {
    let mut raw = connect().await;
    let welcome = raw.log_in(&SUBJECT.user, &SUBJECT.database).await;
    (raw, welcome)
}

/// A startup packet with this user's name, and more.
pub fn hello(more: &[(&str, &str)]) -> Vec<u8> {
    let own = [
        ("user", SUBJECT.user.as_str()),
        ("database", SUBJECT.database.as_str()),
    ];
    startup_packet(3 << 16, &[&own[..], more].concat())
}

/// Runs what must succeed and gives the command tags.
pub async fn done(raw: &mut Raw, sql: &str) -> Vec<String> {
    let frames = raw.query(sql).await;
    assert!(!tags(&frames).contains('E'), "{sql}: {}", text(&frames));
    completed(&frames)
}

/// The code and text of what must be refused.
pub async fn refused(raw: &mut Raw, sql: &str) -> (String, String) {
    let frames = raw.query(sql).await;
    let error = frames.iter().find(|frame| frame.tag == 'E');
    let error =
        error.unwrap_or_else(|| panic!("{sql} should be refused, but answers {}", tags(&frames)));
    (error.sqlstate(), error.field('M').unwrap_or_default())
}

/// That a statement is a syntax error, with these words in it.
pub async fn syntax_error(raw: &mut Raw, sql: &str, words: &str) {
    let (code, text) = refused(raw, sql).await;
    assert_eq!(code, "XX000", "{sql}");
    assert!(
        text.contains("sql parser error: ") && text.contains(words),
        "{sql}: {text}"
    );
}

/// The text of the first error or notice.
pub fn text(frames: &[Frame]) -> String {
    let found = frames.iter().find(|frame| matches!(frame.tag, 'E' | 'N'));
    found.and_then(|frame| frame.field('M')).unwrap_or_default()
}

/// The first values of the rows of a query.
pub async fn read(raw: &mut Raw, sql: &str) -> Vec<String> {
    let frames = raw.query(sql).await;
    assert!(!tags(&frames).contains('E'), "{sql}: {}", text(&frames));
    wire::values(&frames)
}

/// Whether nothing more is sent and the connection is at its end.
pub async fn ends(raw: &mut Raw) -> bool {
    raw.frame().await.is_none()
}
