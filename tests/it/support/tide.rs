//! A router between two databases of a test's own.

use std::fmt::Write as _;

use tokio::sync::mpsc;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Socket};

use super::postgres::{PAIR, drop_databases, fresh_name};
use super::program::Served;
use super::router::Router;
use super::wire::Raw;
use super::within;

/// Two databases of the same name, one on each server, with the tables of [`super::postgres`]. They are gone when it is dropped.
pub struct Sides {
    /// The databases' name.
    pub database: String,
}

impl Sides {
    pub async fn new(hint: &str) -> Self {
        let database = fresh_name(hint);
        tokio::join!(
            PAIR.0.create_database(&database),
            PAIR.1.create_database(&database)
        );
        Self { database }
    }

    /// A direct connection to the OLTP side.
    pub async fn oltp(&self) -> Client {
        PAIR.0.client(&self.database).await
    }

    /// A client that sends bytes to the OLTP side directly, logged in as `app`.
    pub async fn direct(&self) -> Raw {
        let mut raw = Raw::connect(&format!("127.0.0.1:{}", PAIR.0.port())).await;
        raw.log_in("app", &self.database).await;
        raw
    }

    /// A direct connection to the analytic side.
    pub async fn analytic(&self) -> Client {
        PAIR.1.client(&self.database).await
    }

    /// What the analytic server was sent in this database.
    pub fn analytic_saw(&self) -> Vec<String> {
        PAIR.1.seen(&self.database)
    }

    /// What the OLTP server was sent in this database.
    pub fn oltp_saw(&self) -> Vec<String> {
        PAIR.0.seen(&self.database)
    }

    /// Whether the analytic server was sent a statement with this text in it.
    pub fn analytic_saw_text(&self, text: &str) -> bool {
        self.analytic_saw().iter().any(|line| line.contains(text))
    }
}

impl Drop for Sides {
    fn drop(&mut self) {
        drop_databases(&self.database);
    }
}

/// What a test's router.yaml says.
pub struct Setup {
    sides: Sides,
    oltp_url: String,
    analytic_url: String,
    analytic_engine: String,
    analytic_keys: String,
    oltp_pool: String,
    pool: String,
    discover: String,
    auth: String,
    more: String,
}

impl Setup {
    /// Two fresh databases, no rules, discovery at the start and after DDL.
    pub async fn new(hint: &str) -> Self {
        let sides = Sides::new(hint).await;
        Self {
            oltp_url: PAIR.0.url("app", &sides.database),
            analytic_url: PAIR.1.url("app", &sides.database),
            sides,
            analytic_engine: "postgres".to_owned(),
            analytic_keys: String::new(),
            oltp_pool: "{ size: 20 }".to_owned(),
            pool: "{ size: 8 }".to_owned(),
            discover: "1h".to_owned(),
            auth: "{ method: trust }".to_owned(),
            more: String::new(),
        }
    }

    /// The OLTP backend behind another port, such as a gate's.
    pub fn oltp_port(mut self, port: u16) -> Self {
        self.oltp_url = on_port(&self.oltp_url, PAIR.0.port(), port);
        self
    }

    /// The analytic backend behind another port.
    pub fn analytic_port(mut self, port: u16) -> Self {
        self.analytic_url = on_port(&self.analytic_url, PAIR.1.port(), port);
        self
    }

    pub fn oltp_url(mut self, url: &str) -> Self {
        self.oltp_url = url.replace("DATABASE", &self.sides.database);
        self
    }

    pub fn analytic_url(mut self, url: &str) -> Self {
        self.analytic_url = url.replace("DATABASE", &self.sides.database);
        self
    }

    /// A RisingWave, or its double, on the analytic side.
    pub fn risingwave(mut self, url: &str) -> Self {
        "risingwave".clone_into(&mut self.analytic_engine);
        self.analytic_url(url)
    }

    /// More keys of the analytic backend, one call for each, such as `ddl: adapt`.
    pub fn analytic(mut self, key: &str) -> Self {
        let _ = write!(self.analytic_keys, "\n    {key}");
        self
    }

    /// The OLTP pool's limits.
    pub fn oltp_pool(mut self, pool: &str) -> Self {
        pool.clone_into(&mut self.oltp_pool);
        self
    }

    /// The analytic pool's limits.
    pub fn pool(mut self, pool: &str) -> Self {
        pool.clone_into(&mut self.pool);
        self
    }

    pub fn discover(mut self, discover: &str) -> Self {
        discover.clone_into(&mut self.discover);
        self
    }

    pub fn auth(mut self, auth: &str) -> Self {
        auth.clone_into(&mut self.auth);
        self
    }

    /// More keys, as YAML.
    pub fn more(mut self, yaml: &str) -> Self {
        let _ = writeln!(self.more, "{yaml}");
        self
    }

    /// The databases.
    pub fn sides(&self) -> &Sides {
        &self.sides
    }

    pub fn yaml(&self) -> String {
        format!(
            "listen: 127.0.0.1:0\nhttp: 127.0.0.1:0\nbackends:\n  oltp:\n    engine: postgres\n    url: \"{}\"\n    pool: {}\n  \
             analytic:\n    engine: {}\n    url: \"{}\"\n    pool: {}{}\ndefault: oltp\ndiscover: {}\nauth: {}\n{}",
            self.oltp_url,
            self.oltp_pool,
            self.analytic_engine,
            self.analytic_url,
            self.pool,
            self.analytic_keys,
            self.discover,
            self.auth,
            self.more
        )
    }

    /// Starts the router as a program.
    pub async fn serve(self) -> (Served, Sides) {
        (Served::start(&self.yaml()).await, self.sides)
    }

    /// Starts the router in this process.
    pub async fn start(self) -> Tide {
        let yaml = self.yaml();
        let router = Router::start(&yaml).await;
        Tide {
            router,
            sides: self.sides,
            yaml,
        }
    }
}

fn on_port(url: &str, old: u16, new: u16) -> String {
    url.replace(&format!(":{old}/"), &format!(":{new}/"))
}

/// A router in this process between two databases.
pub struct Tide {
    pub router: Router,
    pub sides: Sides,
    pub yaml: String,
}

impl Tide {
    /// With discovery alone.
    pub async fn start(hint: &str) -> Self {
        Setup::new(hint).await.start().await
    }

    /// With more of router.yaml, such as rules.
    pub async fn with(hint: &str, yaml: &str) -> Self {
        Setup::new(hint).await.more(yaml).start().await
    }

    /// How `user` connects.
    pub fn config(&self, user: &str) -> Config {
        let mut config = Config::new();
        config
            .host("127.0.0.1")
            .port(self.router.port())
            .user(user)
            .dbname(&self.sides.database);
        config
    }

    /// A client of the user `app`.
    pub async fn client(&self) -> Client {
        self.client_as("app").await
    }

    /// A client of another user.
    pub async fn client_as(&self, user: &str) -> Client {
        open(&self.config(user), NoTls).await.expect("a login").0
    }

    /// A client of `app`, and what it is told unasked.
    pub async fn listening_client(&self) -> (Client, Told) {
        open(&self.config("app"), NoTls).await.expect("a login")
    }

    /// A client that sends bytes, logged in as `app`.
    pub async fn raw(&self) -> Raw {
        let mut raw = Raw::connect(&self.router.address).await;
        raw.log_in("app", &self.sides.database).await;
        raw
    }

    /// The same on the OLTP server itself, past the router: what it answers is right.
    pub async fn direct(&self) -> Raw {
        self.sides.direct().await
    }
}

/// Notices and notifications, in order.
pub type Told = mpsc::UnboundedReceiver<AsyncMessage>;

/// Logs in, and keeps the connection going.
pub async fn open<T>(config: &Config, tls: T) -> Result<(Client, Told), tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket> + 'static,
    T::Stream: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, mut connection) = within("a login", config.connect(tls)).await?;
    let (send, receive) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(message)) => drop(send.send(message)),
                _ => return,
            }
        }
    });
    Ok((client, receive))
}
