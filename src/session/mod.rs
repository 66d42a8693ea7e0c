//! One client's life after it has logged in.
//!
//! One task owns the client's socket and those of the backends that work for it, so there is no channel, lock or hand-over for
//! a message. The loop below is the whole story: answer what is due, take the client's next frame, route it, pass replies on, wait for
//! sockets. What it remembers is in pure types beside it ([`pipeline`], [`statements`], [`prepared`]); `docs/architecture.md` follows one
//! statement through them.

mod adapt;
pub mod adapted;
pub mod again;
mod backends;
mod batch;
pub mod bounds;
mod copy_options;
mod copy_out;
mod copy_steps;
mod cursor_leases;
mod cursors;
mod deadline;
mod deferred;
mod dispatch;
mod errors;
mod extended;
pub mod facts_cache;
pub mod fallback;
mod frames;
mod io;
mod job;
pub mod local;
mod loss;
mod names;
mod oltp;
pub mod own_settings;
pub mod pins;
pub mod pipeline;
#[cfg(test)]
mod pipeline_tests;
mod portals;
pub mod prepared;
mod rare;
pub mod recode;
mod replies;
mod rows;
pub mod settings;
mod simple;
mod statements;
mod stepped_bind;
mod steps;
mod steps_extended;
mod traces;
mod tracking;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::config::Pooling;
use crate::error::ClientError;
use crate::frontend::cancel::CancelSlot;
use crate::limits;
use crate::net::wire::Wire;
use crate::pool::{Home, Lease, PoolKey};
use crate::protocol::compose;
use crate::protocol::frame::BadLength;
use crate::routing::{Decision, SessionView};
use crate::server::{Shared, Snapshot};
use crate::sql::{Dialect, StatementFacts};
use crate::telemetry::metrics::Counted;
use adapted::Opened;
use batch::{Batch, Script};
use copy_out::CopyOut;
use cursors::Cursors;
use deadline::Waits;
use deferred::Deferred;
use frames::Next;
use own_settings::OwnSettings;
use pins::{PinReason, Pins};
use pipeline::{Pipeline, Side};
use prepared::StatementKey;
use rare::Rare;
use recode::Columns;
use settings::{Inspection, Settings};
use statements::Statements;
use stepped_bind::Asked;

/// Why a session ends.
#[derive(Debug)]
pub enum End {
    /// The client said goodbye or closed its socket.
    ClientLeft,
    /// The client is told why, and closed.
    Told(ClientError),
    /// The default backend's own last message has been passed on.
    BackendSaid,
    /// A reply broke off inside a message, where nothing can be said any more.
    CutOff,
}

impl From<BadLength> for End {
    fn from(bad: BadLength) -> Self {
        End::Told(ClientError::protocol(bad.to_string()))
    }
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It was dealt with.
    Done,
    /// It cannot be dealt with before earlier replies are in; it is kept and tried again.
    Wait,
    /// It cannot be dealt with before all of it is there; it is read to its end and tried again.
    Whole,
}

/// Where the rest of a long message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PassTo {
    /// To a backend.
    Side(Side),
    /// Its beginning was dropped.
    Nowhere,
}

/// Where the last statement went, for `SHOW tidegate.last_route`.
struct LastRoute {
    text: Vec<u8>,
    facts: Arc<StatementFacts>,
    decision: Decision,
}

/// A connection on loan, and what it is in the middle of.
struct Leased {
    lease: Lease,
    /// What ends the read-only block that is open on it, to keep portals or a snapshot for the length of the client's transaction.
    block: Option<&'static str>,
    /// It may not be used by anyone else.
    tainted: bool,
    /// Portals on it that have a name of the router's own.
    portals: Vec<Arc<Opened>>,
    /// The cursor that it was taken for, which outlives transactions.
    cursor: Option<u64>,
    /// Cursors whose portals are open on it.
    open_cursors: Vec<u64>,
}

/// One client.
pub struct Session {
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
    client: Wire,
    /// The connection to the default backend that is the session's now.
    oltp: Option<Lease>,
    /// How the session logs in there.
    key: Arc<PoolKey>,
    /// The session gives its connection back after each transaction.
    pooled: bool,
    /// The session's number.
    number: u64,
    /// The process id that the client was told. The connection that has it is the session's home while this lives.
    home: Arc<Home>,
    /// The connection it had last.
    last_conn: Option<u64>,
    /// What it has set, as far as the server was asked.
    settings: Arc<Settings>,
    /// The same on a connection that logged in under another `application_name`, which is set there too.
    settings_abroad: Arc<Settings>,
    /// What it has set of an analytic engine's own.
    own_settings: OwnSettings,
    /// Names of settings that it may have set and no library has defined.
    custom_settings: BTreeSet<String>,
    /// Why it keeps its connection.
    pins: Pins,
    /// Why it will, once statements that were sent are known to have run, with the place of each.
    pins_to_come: Vec<(u64, PinReason)>,
    /// A statement may have left something on the connection that the server was not asked about yet.
    traces_pending: bool,
    /// The server may know statements that SQL prepared, by names that SQL was told.
    may_have_prepared: bool,
    /// The names among them that are known.
    sql_prepared: BTreeSet<String>,
    /// What the server says to that, as it comes.
    inspection: Option<Inspection>,
    /// Statements sent that may move a sequence, by their place, and whether they then pin.
    moves_to_come: Vec<(u64, bool)>,
    /// How often it has moved a sequence, as far as is known.
    sequence_moves: u64,
    /// How often in a row the server did not say what is left on the connection.
    inspections_failed: u32,
    /// Something stays on the connection that nobody else may meet: it is closed when it is not needed any more.
    spoilt: bool,
    /// `application_name` was reset to another than the session's.
    application_reset: bool,
    /// A parameter has changed since the connection was last at rest.
    told_changed: bool,
    /// The parameters as they were then.
    told_at_rest: Arc<Vec<(String, String)>>,
    /// A statement whose rows did not look as the client was told; it is prepared once more before that is believed.
    doubted: Option<Arc<StatementKey>>,
    /// A sequence may have been moved since the connection was taken.
    sequences_moved: bool,
    /// The session has asked for a sequence's last value in a later transaction than the one that moved it.
    asks_sequences_later: bool,
    /// Parameter statuses as the client knows them.
    told: Arc<Vec<(String, String)>>,
    /// A transaction that the default backend has not heard of.
    deferred: Option<Deferred>,
    leased: Option<Leased>,
    /// Connections of cursors that outlive transactions.
    kept: Vec<Leased>,
    /// The transaction's own analytic connection, while one of those stands in its place.
    aside: Option<Leased>,
    /// Its cursors over analytic relations.
    cursors: Cursors,
    /// Others were told that it keeps an analytic connection.
    told_kept: bool,
    /// The COPY whose rows are on their way to the client.
    copy_out: Option<CopyOut>,
    /// What an engine was asked about the query of a cursor or COPY.
    asked: Option<Asked>,
    /// The transaction is to see one state of the analytic side.
    one_snapshot: bool,
    /// The server of each analytic backend that it read from last, by their indexes.
    read_from: Vec<(usize, usize)>,
    slot: Arc<CancelSlot>,
    /// The number of what the client asks for now, counted from 1 by what ends in a ReadyForQuery.
    work: u64,
    pipeline: Pipeline,
    batch: Batch,
    script: Option<Script>,
    /// What was sent to an analytic backend and may be taken back.
    trial: Option<fallback::Trial>,
    /// What was taken back and is run on the default backend.
    retry: Option<again::Retry>,
    /// A definition is run on the analytic side.
    job: Option<job::Job>,
    /// Materialized views of PostgreSQL's that are stale once the transaction has ended.
    stale_views: Vec<String>,
    /// The transaction was said to be READ ONLY, or not to be.
    read_only: Option<bool>,
    /// In this transaction the client was told that such a definition is not undone.
    told_of_no_rollback: bool,
    /// The analytic backend that the session has written to since it last made that visible.
    unseen_writes: Option<usize>,
    /// A frame that had to wait.
    held: Option<BytesMut>,
    /// The long message that comes next is not looked at before all of it is there.
    needs_whole: bool,
    /// What is done to the rows of the string that an analytic backend answers.
    string_columns: Option<Columns>,
    /// The parameters that an analytic backend has told of a statement, whose columns come next.
    told_types: Option<Vec<u32>>,
    /// After an error in the extended protocol: everything up to Sync is dropped.
    skipping: bool,
    /// The default backend takes COPY data.
    copy_in: bool,
    /// Bytes still to come of a client's message that is passed on in pieces, and to whom.
    passing: (usize, PassTo),
    /// The transaction status that the client knows.
    status: u8,
    view: SessionView,
    /// The transaction has set `tidegate.to`.
    hint_scope: Option<tracking::HintScope>,
    /// The last transaction control sent was a ROLLBACK.
    rolls_back: bool,
    /// How the default backend reads this session's strings.
    dialect: Dialect,
    /// Room for templates of statements.
    scratch: Vec<u8>,
    /// The search path may have changed since it was last asked for.
    path_stale: bool,
    /// It was asked for, and the answer is not here yet.
    path_asked: bool,
    waits: Waits,
    statements: Statements,
    last_route: Option<LastRoute>,
    statements_run: u64,
    /// How its last statement was counted.
    last_counted: Option<Counted>,
    counted: [u64; 2],
    /// The database, or any, whose idle connections were closed for a statement under way.
    evicted: Option<Option<String>>,
    /// It has asked for notifications.
    listens: bool,
    /// The client has been told that an administrator ended its session.
    told_to_end: bool,
    /// Ready when the router wants sessions at rest to end, or an administrator this one.
    drained: Rare<WaitForCancellationFutureOwned>,
}

/// What a session starts with.
pub struct Start {
    /// What all sessions share.
    pub shared: Arc<Shared>,
    /// The snapshot it was authenticated under.
    pub snapshot: Arc<Snapshot>,
    /// The client, logged in and told so.
    pub client: Wire,
    /// Its connection to the default backend, where it keeps one for good.
    pub oltp: Option<Lease>,
    /// How to make another.
    pub key: Arc<PoolKey>,
    /// Its number.
    pub number: u64,
    /// The process id it was told, which makes the connection that has it its home.
    pub home: Arc<Home>,
    /// The number of that connection.
    pub last_conn: Option<u64>,
    /// The parameter statuses it was told.
    pub told: Arc<Vec<(String, String)>>,
    /// Its slot for cancel requests.
    pub slot: Arc<CancelSlot>,
    /// Who it is.
    pub view: SessionView,
}

impl Session {
    /// A session of a client that has been sent its first ReadyForQuery.
    #[must_use]
    pub fn new(start: Start) -> Self {
        let dialect = dialect_of(&start.told);
        let pooled = start.snapshot.table.config.pooling == Pooling::Transaction;
        let statements_max = start.snapshot.table.config.limits.prepared_statements;
        let drained = Rare::new(start.home.ended());
        let mut session = Self {
            shared: start.shared,
            snapshot: start.snapshot,
            client: start.client,
            oltp: start.oltp,
            key: start.key,
            pooled,
            number: start.number,
            home: start.home,
            last_conn: start.last_conn,
            settings: Arc::default(),
            settings_abroad: Arc::default(),
            own_settings: OwnSettings::default(),
            custom_settings: BTreeSet::new(),
            pins: Pins::default(),
            pins_to_come: Vec::new(),
            path_asked: false,
            waits: Waits::default(),
            traces_pending: false,
            may_have_prepared: false,
            sql_prepared: BTreeSet::new(),
            inspection: None,
            sequences_moved: false,
            sequence_moves: 0,
            moves_to_come: Vec::new(),
            inspections_failed: 0,
            application_reset: false,
            spoilt: false,
            told_changed: false,
            told_at_rest: Arc::clone(&start.told),
            doubted: None,
            asks_sequences_later: false,
            told: start.told,
            deferred: None,
            leased: None,
            kept: Vec::new(),
            aside: None,
            cursors: Cursors::default(),
            told_kept: false,
            copy_out: None,
            asked: None,
            one_snapshot: false,
            read_from: Vec::new(),
            slot: start.slot,
            work: 1,
            pipeline: Pipeline::default(),
            batch: Batch::default(),
            script: None,
            trial: None,
            retry: None,
            job: None,
            stale_views: Vec::new(),
            read_only: None,
            told_of_no_rollback: false,
            unseen_writes: None,
            held: None,
            needs_whole: false,
            string_columns: None,
            told_types: None,
            skipping: false,
            copy_in: false,
            passing: (0, PassTo::Nowhere),
            status: b'I',
            view: start.view,
            dialect,
            scratch: Vec::new(),
            hint_scope: None,
            rolls_back: false,
            path_stale: true,
            statements: Statements::new(statements_max),
            last_route: None,
            statements_run: 0,
            last_counted: None,
            counted: [0; 2],
            evicted: None,
            listens: false,
            told_to_end: false,
            drained,
        };
        session.know_settings(Settings::default());
        session.point_cancel_at_oltp();
        session
    }

    /// Serves the client until it leaves or must go, and tells it why where it must.
    pub async fn run(mut self: Box<Self>) -> Summary {
        let begun = Instant::now();
        let stop = Rare::new(self.shared.stop.clone().cancelled_owned());
        let end = tokio::select! {
            biased;
            served = self.serve() => match served {
                Ok(never) => match never {},
                Err(end) => end,
            },
            () = stop => End::Told(ClientError::shutdown()),
        };
        if let End::Told(error) = &end
            && !self.is_within_message()
        {
            compose::put_error(&mut self.client.out, error);
        }
        let farewell = async {
            match end {
                // It has said goodbye. One that has closed its sending side may wait for the end of ours.
                End::ClientLeft if !self.client.ended => self.client.part().await,
                _ => self.client.close().await,
            }
        };
        let _ = tokio::time::timeout(limits::FAREWELL_TIMEOUT, farewell).await;
        let sent_away = matches!(end, End::Told(_) | End::CutOff);
        Box::pin(self.leave_backends(sent_away)).await;
        self.slot.works_on(0);
        self.count_bytes();
        Summary {
            end,
            statements: self.statements_run,
            received: self.client.received,
            sent: self.client.sent,
            lasted: begun.elapsed(),
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        loop {
            self.emit_local();
            if self.pipeline.is_empty() {
                self.settle().await?;
            }
            // Not in a function of its own, whose future would be moved for each message.
            if self.may_take() {
                match self.next_frame()? {
                    Next::Frame(frame) => {
                        let step = self.on_frame(&frame).await?;
                        if self.after_frame(frame, step)? {
                            continue;
                        }
                    }
                    Next::Passed(true) => continue,
                    Next::Passed(false) => {}
                }
            }
            if self.pass_replies()? {
                continue;
            }
            self.wait_for_sockets().await?;
        }
    }

    /// Puts the router's own answers that are due into the client's buffer.
    fn emit_local(&mut self) {
        while let Some(answer) = self.pipeline.take_local() {
            self.client.out.extend_from_slice(&answer);
        }
    }
}

/// How a server with these parameter statuses reads plain strings.
fn dialect_of(parameters: &[(String, String)]) -> Dialect {
    let off =
        |(name, value): &(String, String)| name == "standard_conforming_strings" && value == "off";
    Dialect {
        standard_conforming_strings: !parameters.iter().any(off),
    }
}

/// What a session was, for the log.
#[derive(Debug)]
pub struct Summary {
    /// Why it ended.
    pub end: End,
    /// Statements routed.
    pub statements: u64,
    /// Bytes from the client.
    pub received: u64,
    /// Bytes to the client.
    pub sent: u64,
    /// How long it lasted.
    pub lasted: std::time::Duration,
}
