//! The double: a server that behaves on the wire as RisingWave does, and has a PostgreSQL behind it execute the SQL.
//!
//! What it does is what a real 2.8.4 was seen doing. It is strict: what the real one refuses it refuses, in the same words. A client connects
//! ([`startup`]), sends strings ([`simple`]) or steps ([`extended`]), which are read ([`grammar`]) and run ([`run`]).

mod apply;
mod back;
mod change;
mod chaos;
mod columns;
mod commands;
mod errors;
mod extended;
mod grammar;
mod lexer;
mod mirror;
mod objects;
mod reader;
mod reads;
mod run;
mod session;
mod settings;
mod show;
mod simple;
mod startup;
mod types;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use chaos::{LONG_ROW, Mischief};
pub use world::User;

use back::Behind;
use world::World;

/// Which RisingWave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 2.8.4
    V2,
    /// 3.0.3: startup options are read, FATAL at login, `statement_timeout` in milliseconds, a few settings and columns more.
    V3,
}

impl Version {
    fn number(self) -> &'static str {
        match self {
            Self::V2 => "2.8.4",
            Self::V3 => "3.0.3",
        }
    }
}

/// How a double is to be.
#[derive(Debug, Clone)]
pub struct Options {
    pub version: Version,
    /// The database's name to clients.
    pub database: String,
    /// Who may log in besides `root`, who needs no password unless listed here.
    pub users: BTreeMap<String, User>,
    /// How often what was written becomes visible by itself; `None` is only by FLUSH.
    pub checkpoint: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: Version::V2,
            database: "dev".to_owned(),
            users: BTreeMap::new(),
            checkpoint: Some(Duration::from_secs(1)),
        }
    }
}

impl Options {
    /// With one more user, who logs in with a password.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        let user = User {
            password: Some(password.to_owned()),
            cleartext: false,
            login: true,
        };
        self.users.insert(name.to_owned(), user);
        self
    }
}

/// A running double; it ends when dropped.
pub struct Double {
    pub port: u16,
    world: Arc<World>,
    _stop: DropGuard,
}

impl Double {
    /// Starts a double over a database of a PostgreSQL on 127.0.0.1. What is in the database is RisingWave's from now on.
    pub async fn start(options: Options, port: u16, database: &str) -> Self {
        let behind = Behind {
            port,
            user: "app".to_owned(),
            database: database.to_owned(),
        };
        let world = World::new(&options, behind)
            .await
            .expect("a PostgreSQL behind the double");
        let world = Arc::new(world);
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port for the double");
        let port = listener.local_addr().expect("its address").port();
        let stop = CancellationToken::new();
        tokio::spawn(serve(
            listener,
            Arc::clone(&world),
            options.checkpoint,
            stop.clone(),
        ));
        Self {
            port,
            world,
            _stop: stop.drop_guard(),
        }
    }

    /// A url for router.yaml, with `engine: risingwave`.
    pub fn url(&self, user: &str) -> String {
        format!(
            "postgres://{user}@127.0.0.1:{}/{}?sslmode=disable",
            self.port, self.world.database
        )
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Every string it was sent so far, by Query and by Parse.
    pub fn seen(&self) -> Vec<String> {
        self.world.seen.lock().expect("the list").clone()
    }

    /// Lets something go wrong with every statement from now on that has this text in it.
    pub fn misbehave(&self, text: &str, mischief: Mischief) {
        self.behave();
        self.world
            .mischief
            .lock()
            .expect("the list")
            .push((text.to_owned(), mischief));
    }

    /// Lets everything go right again.
    pub fn behave(&self) {
        self.world.mischief.lock().expect("the list").clear();
    }

    /// Sets what `rw_recovery_status()` answers.
    pub async fn recovery(&self, status: &str) {
        let sql = format!(
            "UPDATE rw_meta.recovery SET status = {}",
            back::quoted(status)
        );
        let mut admin = self.world.admin.lock().await;
        admin.run(&sql).await.expect("the double's catalog");
        drop(admin);
        self.world.checkpoint().await.expect("a checkpoint");
    }

    /// Sets what the catalog says about a relation: `status` as `Created` or `Creating`, and whether its first copy is done.
    pub async fn readiness(&self, name: &str, status: &str, backfilled: bool) {
        let sql = format!(
            "UPDATE rw_meta.objects SET status = {}, backfilled = {backfilled} WHERE name = {}",
            back::quoted(status),
            back::quoted(name)
        );
        self.world
            .admin
            .lock()
            .await
            .run(&sql)
            .await
            .expect("the double's catalog");
        self.world.checkpoint().await.expect("a checkpoint");
    }
}

async fn serve(
    listener: TcpListener,
    world: Arc<World>,
    checkpoint: Option<Duration>,
    stop: CancellationToken,
) {
    let mut sessions = JoinSet::new();
    let mut clock = tokio::time::interval(checkpoint.unwrap_or(Duration::from_secs(3600)));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick(), if checkpoint.is_some() => world.tick().await,
            _ = sessions.join_next(), if !sessions.is_empty() => {}
            accepted = listener.accept() => {
                if let Ok((socket, _)) = accepted {
                    sessions.spawn(startup::welcome(socket, Arc::clone(&world)));
                }
            }
        }
    }
}
