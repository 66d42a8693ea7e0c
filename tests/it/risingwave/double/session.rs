//! What does one client's session hold, and which message goes where?

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::back::{Back, Keeper, View, quoted};
use super::errors::{Doing, Failure};
use super::extended::{Portal, Prepared};
use super::settings::Settings;
use super::types::Column;
use super::wire::{self, Wire};
use super::world::{Listed, World};

/// The connection is to be closed.
#[derive(Debug)]
pub struct Closed;

/// A READ ONLY transaction. Its snapshot is taken by its first read.
#[derive(Default)]
pub struct Transaction {
    pub keeper: Option<Arc<Keeper>>,
}

/// A cursor: what is left of its rows.
pub struct Cursor {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Option<Bytes>>>,
}

pub struct Session {
    pub world: Arc<World>,
    pub wire: Wire,
    pub back: Back,
    pub settings: Settings,
    pub listed: Arc<Listed>,
    pub transaction: Option<Transaction>,
    pub statements: HashMap<String, Prepared>,
    pub portals: HashMap<String, Portal>,
    pub cursors: HashMap<String, Cursor>,
    /// An error in steps: everything up to the next Sync is skipped.
    pub skipping: bool,
}

impl Session {
    pub fn new(
        world: Arc<World>,
        wire: Wire,
        back: Back,
        settings: Settings,
        listed: Arc<Listed>,
    ) -> Self {
        Self {
            world,
            wire,
            back,
            settings,
            listed,
            transaction: None,
            statements: HashMap::new(),
            portals: HashMap::new(),
            cursors: HashMap::new(),
            skipping: false,
        }
    }

    /// Serves messages until the end. Each is answered at once, with or without Flush.
    pub async fn serve(mut self) {
        while let Some(message) = self.wire.message().await {
            let done = match message.tag {
                b'Q' => self.simple(message.body).await,
                b'S' => {
                    self.skipping = false;
                    self.ready();
                    Ok(())
                }
                b'P' | b'B' | b'D' | b'E' | b'C' if self.skipping => Ok(()),
                b'P' | b'B' | b'D' | b'E' | b'C' => self.step(message.tag, message.body).await,
                b'H' => Ok(()),
                _ => Err(Closed),
            };
            self.wire.flush().await;
            if done.is_err() {
                break;
            }
        }
        let pid = self.listed.pid;
        self.world
            .sessions
            .lock()
            .expect("the sessions")
            .remove(&pid);
    }

    /// `T` in a READ ONLY transaction, else `I`; never `E`.
    pub fn ready(&mut self) {
        let status = if self.transaction.is_some() {
            b'T'
        } else {
            b'I'
        };
        wire::put_ready(&mut self.wire.out, status);
    }

    /// Sends an error. A panic closes the connection behind it.
    pub fn fail(&mut self, failure: &Failure, doing: Doing) -> Result<(), Closed> {
        failure.put(&mut self.wire.out, doing);
        if failure.panicked {
            Err(Closed)
        } else {
            Ok(())
        }
    }

    /// What a read sees: the transaction's snapshot, or the last checkpoint.
    pub fn view(&mut self, read_only: bool) -> View {
        let committed = self.world.committed();
        let keeper = match &mut self.transaction {
            Some(transaction) => Arc::clone(transaction.keeper.get_or_insert(committed)),
            None => committed,
        };
        let timeout = if read_only {
            self.settings.timeout()
        } else {
            0
        };
        View {
            keeper,
            read_only,
            timeout,
        }
    }

    /// SET, also LOCAL: the session's value, here and behind.
    pub async fn set(&mut self, name: &str, value: Option<&str>) -> Result<String, Failure> {
        let before = self.settings.get(name)?;
        let (name, value) = self.settings.set(name, value)?;
        let mut behind = format!(
            "SELECT pg_catalog.set_config('rw.{name}', {}, false)",
            quoted(&value)
        );
        if name == "search_path" {
            let path = if value.is_empty() {
                String::new()
            } else {
                format!("{value}, ")
            };
            let path = quoted(&format!("{path}rw_catalog, rw_fn, pg_catalog"));
            behind =
                format!("{behind}; SELECT pg_catalog.set_config('search_path', {path}, false)");
        }
        if name == "timezone" {
            let zone = quoted(&value);
            behind = format!("SELECT pg_catalog.set_config('TimeZone', {zone}, false); {behind}");
        }
        let mut ran = self.back.run(&behind).await;
        // RisingWave cancels queries only.
        while matches!(&ran, Err(error) if error.code == "57014") {
            ran = self.back.run(&behind).await;
        }
        if ran.is_err() {
            let failure = Settings::no_timezone(&value);
            let _ = self.settings.set(name, Some(&before));
            return Err(failure);
        }
        Ok(value)
    }
}
