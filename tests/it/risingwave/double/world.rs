//! What do all sessions of one double share?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::back::{Back, Behind, Keeper, Key};
use super::chaos::Mischief;
use super::errors::PgError;
use super::{Options, Version};

/// Who may log in, and how.
#[derive(Debug, Clone)]
pub struct User {
    pub password: Option<String>,
    /// The password is asked for in the clear, as for LDAP, instead of as MD5.
    pub cleartext: bool,
    pub login: bool,
}

/// How long a request to PostgreSQL to end a statement is given before it is made again.
const AGAIN: Duration = Duration::from_millis(100);

/// A session as others see it.
pub struct Listed {
    pub pid: i32,
    pub user: String,
    pub host: String,
    pub database: String,
    pub info: Mutex<String>,
    pub key: Key,
    pub cancelled: AtomicBool,
    pub busy: AtomicBool,
    /// Held while a request to PostgreSQL is under way, which must not outlast what it is meant for.
    cancelling: tokio::sync::Mutex<()>,
}

impl Listed {
    pub fn new(pid: i32, user: String, host: String, database: String, key: Key) -> Arc<Self> {
        Arc::new(Self {
            pid,
            user,
            host,
            database,
            info: Mutex::default(),
            key,
            cancelled: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            cancelling: tokio::sync::Mutex::default(),
        })
    }

    /// Notes that a statement runs.
    pub fn begins(&self, sql: &str) {
        sql.clone_into(&mut self.info.lock().expect("the statement"));
        self.cancelled.store(false, Ordering::SeqCst);
        self.busy.store(true, Ordering::SeqCst);
    }

    /// The statement is over, and what was to end it.
    pub async fn ends(&self) {
        self.busy.store(false, Ordering::SeqCst);
        self.info.lock().expect("the statement").clear();
        drop(self.cancelling.lock().await);
    }

    /// Ends what the session is running, if it is running something.
    pub async fn cancel(self: &Arc<Self>) {
        let _under_way = self.cancelling.lock().await;
        if self.busy.load(Ordering::SeqCst) {
            self.cancelled.store(true, Ordering::SeqCst);
            self.key.cancel().await;
            let listed = Arc::clone(self);
            tokio::spawn(async move { listed.cancel_again().await });
        }
    }

    /// A request that comes before PostgreSQL has begun with the statement is lost there; RisingWave loses none.
    async fn cancel_again(&self) {
        loop {
            tokio::time::sleep(AGAIN).await;
            let _under_way = self.cancelling.lock().await;
            if !self.busy.load(Ordering::SeqCst) || !self.cancelled.load(Ordering::SeqCst) {
                return;
            }
            self.key.cancel().await;
        }
    }
}

/// One database of a double. What is in an `Arc` it shares with the others.
pub struct World {
    pub version: Version,
    pub behind: Behind,
    /// The database's name to clients.
    pub database: String,
    pub databases: Arc<Mutex<BTreeSet<String>>>,
    pub users: Arc<Mutex<BTreeMap<String, User>>>,
    pub sessions: Arc<Mutex<BTreeMap<i32, Arc<Listed>>>>,
    /// The databases that were made in the first one, which is the one that knows.
    others: Mutex<BTreeMap<String, Arc<World>>>,
    first: Weak<World>,
    /// For what the double notes on its own account.
    pub admin: tokio::sync::Mutex<Back>,
    /// Tables that were altered or dropped, and when, in steps.
    pub altered: Mutex<BTreeMap<String, u64>>,
    pub step: AtomicU64,
    pub mischief: Arc<Mutex<Vec<(String, Mischief)>>>,
    pub seen: Arc<Mutex<Vec<String>>>,
    keeper: Mutex<Arc<Keeper>>,
    dirty: AtomicBool,
    last_pid: Arc<AtomicI32>,
}

impl World {
    pub async fn new(options: &Options, behind: Behind) -> Result<Self, PgError> {
        let mut admin = Back::open(&behind).await?;
        let version = options.version;
        let schema = include_str!("catalog.sql")
            .replace("DATABASE", &options.database)
            .replace("VERSION", version.number());
        let schema = match version {
            Version::V2 => schema,
            Version::V3 => schema.replace("/*3:", "").replace("*/", ""),
        };
        admin.run(&schema).await?;
        let settings: Vec<String> = super::settings::Settings::names(version)
            .map(|(name, value)| {
                format!(
                    "({}, {})",
                    super::back::quoted(name),
                    super::back::quoted(value)
                )
            })
            .collect();
        admin
            .run(&format!(
                "INSERT INTO rw_meta.settings VALUES {}",
                settings.join(", ")
            ))
            .await?;
        let mut users = options.users.clone();
        users.entry("root".to_owned()).or_insert(User {
            password: None,
            cleartext: false,
            login: true,
        });
        for user in users.keys() {
            admin.run(&role(user, user == "root")).await?;
        }
        let keeper = Keeper::open(&behind).await?;
        Ok(Self {
            version,
            behind,
            database: options.database.clone(),
            databases: Arc::new(Mutex::new(BTreeSet::from([options.database.clone()]))),
            users: Arc::new(Mutex::new(users)),
            sessions: Arc::default(),
            others: Mutex::default(),
            first: Weak::new(),
            admin: tokio::sync::Mutex::new(admin),
            altered: Mutex::default(),
            step: AtomicU64::new(1),
            mischief: Arc::default(),
            seen: Arc::default(),
            keeper: Mutex::new(Arc::new(keeper)),
            dirty: AtomicBool::new(false),
            last_pid: Arc::default(),
        })
    }

    /// Makes another database, in one more of PostgreSQL's.
    pub async fn create_database(self: &Arc<Self>, name: &str) -> Result<(), PgError> {
        let first = self.first.upgrade().unwrap_or_else(|| Arc::clone(self));
        let behind = first.behind_of(name);
        let make = format!("CREATE DATABASE \"{}\"", behind.database);
        first.admin.lock().await.run(&make).await?;
        let options = Options {
            version: first.version,
            database: name.to_owned(),
            users: first.users.lock().expect("the users").clone(),
            checkpoint: None,
        };
        let made = Self {
            databases: Arc::clone(&first.databases),
            users: Arc::clone(&first.users),
            sessions: Arc::clone(&first.sessions),
            mischief: Arc::clone(&first.mischief),
            seen: Arc::clone(&first.seen),
            last_pid: Arc::clone(&first.last_pid),
            first: Arc::downgrade(&first),
            ..Self::new(&options, behind).await?
        };
        let names = &first.databases;
        names.lock().expect("the databases").insert(name.to_owned());
        let others = &first.others;
        others
            .lock()
            .expect("the databases")
            .insert(name.to_owned(), Arc::new(made));
        Ok(())
    }

    /// Drops another database. Whether there was one.
    pub async fn drop_database(self: &Arc<Self>, name: &str) -> Result<bool, PgError> {
        let first = self.first.upgrade().unwrap_or_else(|| Arc::clone(self));
        let gone = first.others.lock().expect("the databases").remove(name);
        if gone.is_some() {
            let behind = first.behind_of(name).database;
            let drop = format!("DROP DATABASE \"{behind}\" WITH (FORCE)");
            first.admin.lock().await.run(&drop).await?;
        }
        let names = &first.databases;
        Ok(names.lock().expect("the databases").remove(name))
    }

    /// The database of that name.
    pub fn named(self: &Arc<Self>, name: &str) -> Arc<Self> {
        let others = self.others.lock().expect("the databases");
        others
            .get(name)
            .map_or_else(|| Arc::clone(self), Arc::clone)
    }

    fn behind_of(&self, name: &str) -> Behind {
        Behind {
            database: format!("{}_{name}", self.behind.database),
            ..self.behind.clone()
        }
    }

    pub fn next_pid(&self) -> i32 {
        self.last_pid.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// What readers see now.
    pub fn committed(&self) -> Arc<Keeper> {
        Arc::clone(&self.keeper.lock().expect("the checkpoint"))
    }

    /// Notes that rows changed which no checkpoint shows yet.
    pub fn touched(&self) {
        self.dirty.store(true, Ordering::SeqCst);
    }

    /// Makes everything that was written visible to readers.
    pub async fn checkpoint(&self) -> Result<(), PgError> {
        self.dirty.store(false, Ordering::SeqCst);
        let next = Arc::new(Keeper::open(&self.behind).await?);
        *self.keeper.lock().expect("the checkpoint") = next;
        Ok(())
    }

    /// The checkpoint that comes by itself.
    pub async fn tick(&self) {
        let others = self.others.lock().expect("the databases").clone();
        for world in std::iter::once(self).chain(others.values().map(|other| &**other)) {
            if world.dirty.load(Ordering::SeqCst) {
                let _ = world.checkpoint().await;
            }
        }
    }

    /// Notes that statements over this relation have to be parsed again.
    pub fn alter(&self, name: &str) {
        let step = self.step.fetch_add(1, Ordering::SeqCst) + 1;
        self.altered
            .lock()
            .expect("the steps")
            .insert(name.to_owned(), step);
    }

    /// What is to go wrong with a statement.
    pub fn mischief_for(&self, sql: &str) -> Option<Mischief> {
        let list = self.mischief.lock().expect("the mischief");
        let found = list.iter().find(|(text, _)| sql.contains(text.as_str()));
        found.map(|(_, mischief)| *mischief)
    }
}

/// Makes a role, which other doubles in the same server may have made.
pub fn role(name: &str, superuser: bool) -> String {
    let rights = if superuser { " SUPERUSER" } else { "" };
    format!(
        "DO $$ BEGIN CREATE ROLE \"{name}\"{rights}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
}
