//! Which bounds keep one peer from hurting the others?
//!
//! Every hard limit of the router stands here with its unit and its reason; what an operator may
//! change is a key of `router.yaml` instead. The SQL layer's own limits are in [`crate::sql`].

use std::time::Duration;

/// Bytes of a startup packet, as PostgreSQL's `MAX_STARTUP_PACKET_LENGTH`.
pub const STARTUP_BYTES_MAX: usize = 10_000;
/// Bytes of a password or SASL message before a client is authenticated, as PostgreSQL's `PG_MAX_AUTH_TOKEN_LENGTH`.
pub const PASSWORD_BYTES_MAX: usize = 65_535;
/// SSLRequest and GSSENCRequest that one connection may send before its startup packet: one of each.
pub const NEGOTIATIONS_MAX: usize = 2;
/// Bytes of any message a logged-in client may send, as PostgreSQL's `PQ_LARGE_MESSAGE_LIMIT` (1 GB less one).
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 0x3fff_ffff;
/// Bytes of the small messages (Describe, Execute, Close, Sync, CopyFail …), as PostgreSQL's `PQ_SMALL_MESSAGE_LIMIT`.
pub const CLIENT_SMALL_MESSAGE_BYTES_MAX: usize = 10_000;
/// Bytes of a Bind that must be seen to know the portal and the statement it names.
pub const BIND_NAMES_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a Bind kept with its unnamed portal, where an engine may have to be sent it again; for a longer one the portal has a name at once.
pub const KEPT_BIND_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a backend's message that has to be held whole (errors, row descriptions; rows are passed on in pieces).
pub const BACKEND_MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of a row or a piece of COPY data, as long as PostgreSQL makes them (1 GB less one, and its header).
pub const BACKEND_ROW_BYTES_MAX: usize = CLIENT_MESSAGE_BYTES_MAX + 5;
/// Bytes of a row up to which it is passed on whole only: a backend that dies within a longer one takes the client's connection along.
pub const ROW_WHOLE_BYTES_MAX: usize = INBOUND_BYTES_HIGH;
/// Bytes read from a socket at a time.
pub const READ_CHUNK_BYTES: usize = 16 * 1024;
/// Unread bytes of a peer that may wait in the router, apart from one message that must be whole.
pub const INBOUND_BYTES_HIGH: usize = 64 * 1024;
/// Unsent bytes to a peer above which the router stops reading from the other side.
pub const OUTBOUND_BYTES_HIGH: usize = 256 * 1024;
/// Buffers larger than this are given back when a session comes to rest.
pub const REST_BUFFER_BYTES: usize = 32 * 1024;
/// Different logins, and greetings, that are kept once for all who have them.
pub const SHELF_VALUES_MAX: usize = 64;
/// Empty buffers that a thread keeps for the next who needs one.
pub const SPARE_BUFFERS_MAX: usize = 64;
/// Bytes of an empty buffer that its owner keeps.
pub const KEPT_BUFFER_BYTES: usize = 128;
/// Replies a client may be owed; further messages wait.
pub const PENDING_REPLIES_MAX: usize = 4096;
/// Portals remembered for a client.
pub const CLIENT_PORTALS_MAX: usize = 5_000;
/// Prepared statements kept on one pooled connection before the least recently used is closed.
pub const CONNECTION_STATEMENTS_MAX: usize = 200;
/// Temporary relations remembered for a session.
pub const TEMP_RELATIONS_MAX: usize = 10_000;
/// Bytes of statements' texts and facts in the shared cache.
pub const FACTS_CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// A statement longer than this is classified afresh each time instead of being cached.
pub const FACTS_CACHED_TEXT_BYTES_MAX: usize = 8 * 1024;
/// Statements of one query string that are routed one by one; a longer string goes to the default backend whole.
pub const STATEMENTS_PER_QUERY_MAX: usize = 100_000;
/// Names of settings that no library has defined, remembered for a session.
pub const CUSTOM_SETTINGS_MAX: usize = 100;
/// Cancel requests that may be under way at a time.
pub const CANCELS_AT_ONCE: usize = 256;
/// How long a cancel request may take in all.
pub const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an analytic backend that has taken a cancel request may go on before it is left alone with its statement.
pub const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// How long a client may take over the TLS handshake.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a catalog query may take.
pub const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(20);
/// Relations kept of one backend's catalog.
pub const CATALOG_RELATIONS_MAX: usize = 500_000;
/// First copies of mirrored tables whose progress is asked for in one reading of a catalog; the others count as not done until then.
pub const COPIES_ASKED_MAX: usize = 100;
/// Templates that are kept from the analytic side since it cannot run them.
pub const FALLBACKS_MAX: usize = 1_000;
/// How long they are.
pub const FALLBACK_LASTS: Duration = Duration::from_secs(600);
/// Relations on both sides whose columns are compared.
pub const MIRRORS_COMPARED_MAX: usize = 1_000;
/// How long DDL is left to settle before both catalogs are read again.
pub const DISCOVERY_DEBOUNCE: Duration = Duration::from_millis(50);
/// How often in a row the catalogs are read because another reading was put in force meanwhile.
pub const DISCOVERY_READINGS_MAX: usize = 5;
/// How long changes are left to settle before a materialized view over them is refreshed.
pub const REFRESH_DEBOUNCE: Duration = Duration::from_millis(100);
/// How long a refresh may take.
pub const REFRESH_TIMEOUT: Duration = Duration::from_secs(3600);
/// How often a backend's health is looked at.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// How long a health probe may take.
pub const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a last message to a client that is being closed may take to be written.
pub const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a client that is one too many may take to hear so.
pub const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(5);
/// Logins whose parameter statuses a pool remembers.
pub const POOL_LOGINS_MAX: usize = 1000;
/// How long a pool keeps no idle connection after `DROP DATABASE` and the like: as long as PostgreSQL waits for others to leave.
pub const EVICTION: Duration = Duration::from_secs(5);
/// An attempt to connect that failed after this time is not repeated at once.
pub const CONNECT_SLOW: Duration = Duration::from_millis(100);
/// How long nobody tries to connect to a backend after it failed slowly once.
pub const CONNECT_BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The same after many times; a backend that is back is used within this.
pub const CONNECT_BACKOFF_MAX: Duration = Duration::from_millis(800);
