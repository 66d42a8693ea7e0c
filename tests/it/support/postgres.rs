//! PostgreSQL servers that live as long as the tests.
//!
//! Each server runs under a small shell that waits for the end of its standard input, which is a pipe from this process: however this process
//! ends, killed included, the shell then stops the server and removes its folder.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use super::{PATIENCE, tls};

/// The database that every test's own databases are copied from.
const TEMPLATE: &str = "tide_template";

/// The OLTP server and the analytic one, shared by all tests.
pub static PAIR: LazyLock<(Cluster, Cluster)> = LazyLock::new(|| {
    thread::scope(|scope| {
        let oltp = scope.spawn(|| Cluster::start_with("oltp", Some(OLTP_TABLES)));
        let analytic = scope.spawn(|| Cluster::start_with("analytic", Some(ANALYTIC_TABLES)));
        (
            oltp.join().expect("the OLTP server starts"),
            analytic.join().expect("the analytic server starts"),
        )
    })
});

/// What the OLTP side holds: `customers` and `notes` of its own, and `products`, which both have.
const OLTP_TABLES: &str = "
    CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, state text);
    INSERT INTO customers VALUES (1, 'Ada', 'CA'), (2, 'Bob', 'NY'), (3, 'Cyd', 'TX');
    CREATE TABLE notes (id serial PRIMARY KEY, body text);
    CREATE TABLE products (id int PRIMARY KEY, price numeric, side text);
    INSERT INTO products VALUES (1, 10, 'oltp'), (2, 20, 'oltp');
    GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
    GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO PUBLIC;
    GRANT ALL ON SCHEMA public TO PUBLIC;";

/// What the analytic side holds: `orders` and the view `daily` of its own, and `products`.
const ANALYTIC_TABLES: &str = "
    CREATE TABLE orders (id int PRIMARY KEY, customer int, qty int, price float8, state text);
    INSERT INTO orders SELECT n, n % 3 + 1, n % 7, n * 1.5, (ARRAY['CA','NY','TX'])[n % 3 + 1]
        FROM generate_series(1, 100) n;
    CREATE VIEW daily AS SELECT state, sum(qty) AS qty FROM orders GROUP BY state;
    CREATE TABLE products (id int PRIMARY KEY, price numeric, side text);
    INSERT INTO products VALUES (1, 10, 'analytic'), (2, 20, 'analytic');
    GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
    GRANT ALL ON SCHEMA public TO PUBLIC;";

/// `app` may do anything, so that nothing but the router stands between it and the analytic side. The others differ in how they log in.
const ROLES: &str = "
    CREATE ROLE app SUPERUSER LOGIN REPLICATION;
    CREATE ROLE bi_anna LOGIN;
    CREATE ROLE plain LOGIN;
    CREATE ROLE tls_user LOGIN SUPERUSER;
    CREATE ROLE scram_user LOGIN PASSWORD 'scram secret';
    CREATE ROLE password_user LOGIN PASSWORD 'plain secret';
    SET password_encryption = 'md5';
    CREATE ROLE md5_user LOGIN PASSWORD 'md5 secret';";

const HBA: &str = "
local   all          all                          trust
hostssl all          tls_user       127.0.0.1/32  trust
host    all          tls_user       127.0.0.1/32  reject
host    all          scram_user     127.0.0.1/32  scram-sha-256
host    all          password_user  127.0.0.1/32  password
host    all          md5_user       127.0.0.1/32  md5
host    replication  all            127.0.0.1/32  trust
host    all          all            127.0.0.1/32  trust
";

const SETTINGS: &[&str] = &[
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=logical",
    "max_connections=400",
    "shared_buffers=64MB",
    "autovacuum=off",
    "ssl=on",
    "log_statement=all",
    "log_min_duration_statement=0",
    "log_line_prefix=@@%d|%a@@ ",
    "lc_messages=C",
    "timezone=Europe/Berlin",
];

const WATCHDOG: &str = r#"
trap '' INT HUP TERM
folder=$1; shift
"$@" >"$folder/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server 2>/dev/null
wait $server
# A test may have started it again.
again=$(head -n 1 "$folder/data/postmaster.pid" 2>/dev/null)
[ -z "$again" ] || kill -QUIT "$again" 2>/dev/null
while [ -n "$again" ] && kill -0 "$again" 2>/dev/null; do sleep 0.05; done
rm -rf "$folder"
"#;

/// A PostgreSQL server. Dropped, it is killed and its folder removed.
pub struct Cluster {
    port: u16,
    folder: PathBuf,
    watchdog: Child,
}

impl Cluster {
    /// Starts a server of its own for one test.
    pub fn start(name: &str) -> Self {
        Self::start_with(name, None)
    }

    fn start_with(name: &str, tables: Option<&str>) -> Self {
        let account = Account::of_server();
        let folder = Self::folder(&account, name);
        let data = folder.join("data");
        let made = account
            .command(&program("initdb"))
            .args(["--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8"])
            .args(["--locale=C", "-D"])
            .arg(&data)
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", text(&made.stderr));
        fs::write(data.join("pg_hba.conf"), HBA).expect("pg_hba.conf");
        let identity = tls::identity();
        for (file, pem) in [
            ("server.crt", &identity.certificate),
            ("server.key", &identity.key),
        ] {
            let path = data.join(file);
            fs::write(&path, pem).expect("a certificate");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
            account.own(&path);
        }
        let cluster = Self::serve(&account, folder);
        cluster.set_up(tables);
        cluster
    }

    /// A folder for a server.
    pub(super) fn folder(account: &Account, name: &str) -> PathBuf {
        let folder = tempfile::Builder::new()
            .prefix(&format!("tidegate-{name}-"))
            .tempdir()
            .expect("a temporary folder")
            .keep();
        account.own(&folder);
        folder
    }

    /// Starts the server, on another port should somebody take the one that was free a moment ago.
    pub(super) fn serve(account: &Account, folder: PathBuf) -> Self {
        for _ in 0..20 {
            let port = free_port();
            let mut command = account.command(Path::new("sh"));
            command.args(["-c", WATCHDOG, "watchdog"]).arg(&folder);
            command
                .arg(program("postgres"))
                .arg("-D")
                .arg(folder.join("data"));
            command.arg("-k").arg(&folder).args(["-h", "127.0.0.1"]);
            command.args(["-p", &port.to_string()]);
            for setting in SETTINGS {
                command.args(["-c", setting]);
            }
            let watchdog = command.stdin(Stdio::piped()).spawn().expect("a shell");
            let cluster = Self {
                port,
                folder: folder.clone(),
                watchdog,
            };
            if cluster.is_ready() {
                return cluster;
            }
            // The watchdog would take the folder along.
            let mut lost = std::mem::ManuallyDrop::new(cluster);
            let _ = lost.watchdog.kill();
            let _ = lost.watchdog.wait();
        }
        panic!("no free port for PostgreSQL");
    }

    fn is_ready(&self) -> bool {
        let begun = Instant::now();
        loop {
            let log = text(&fs::read(self.folder.join("log")).unwrap_or_default());
            if log.contains("database system is ready to accept") {
                return true;
            }
            if log.contains("could not create any TCP/IP sockets") {
                return false;
            }
            assert!(
                begun.elapsed() < PATIENCE && !log.contains("FATAL"),
                "PostgreSQL does not start: {log}"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn set_up(&self, tables: Option<&str>) {
        let port = self.port;
        let work = async move {
            let admin = connect(port, "postgres", "postgres").await;
            admin.batch_execute(ROLES).await.expect("the roles");
            if let Some(tables) = tables {
                let make = format!("CREATE DATABASE {TEMPLATE} OWNER app");
                admin.batch_execute(&make).await.expect("the template");
                let template = connect(port, "app", TEMPLATE).await;
                template.batch_execute(tables).await.expect("the tables");
            }
        };
        thread::scope(|scope| {
            let done = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                runtime.block_on(work);
            });
            done.join().expect("the server is set up");
        });
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A url for router.yaml.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!(
            "postgres://{user}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// The PEM file with the server's certificate.
    pub fn certificate(&self) -> String {
        super::program::shown(&self.folder.join("data/server.crt"))
    }

    /// A direct connection, past any router.
    pub async fn client(&self, database: &str) -> Client {
        connect(self.port, "app", database).await
    }

    /// Whether the server takes connections now.
    pub async fn accepts(&self, database: &str) -> bool {
        let port = self.port;
        let settings = format!("host=127.0.0.1 port={port} user=app dbname={database}");
        tokio_postgres::connect(&settings, NoTls).await.is_ok()
    }

    /// Makes a database out of the template.
    pub async fn create_database(&self, name: &str) {
        let admin = self.client("postgres").await;
        let make = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER app");
        admin.batch_execute(&make).await.expect("a database");
    }

    /// Everything that was sent to a database so far, statement by statement, as the server logged it.
    pub fn seen(&self, database: &str) -> Vec<String> {
        let log = text(&fs::read(self.folder.join("log")).expect("the log"));
        let mark = format!("{database}|");
        log.split("@@")
            .collect::<Vec<_>>()
            .windows(2)
            .filter(|pair| pair[0].starts_with(&mark))
            .map(|pair| pair[1].trim().to_owned())
            .collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// A connection of `user` that needs no password.
pub async fn connect(port: u16, user: &str, database: &str) -> Client {
    let settings = format!("host=127.0.0.1 port={port} user={user} dbname={database}");
    let (client, connection) = tokio_postgres::connect(&settings, NoTls)
        .await
        .expect("PostgreSQL takes connections");
    tokio::spawn(async move { drop(connection.await) });
    client
}

/// A name for a database that no other test uses.
pub fn fresh_name(hint: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("t{}_{hint}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Drops the databases of a test that is over, in the background.
pub fn drop_databases(name: &str) {
    static JANITOR: LazyLock<std::sync::Mutex<std::sync::mpsc::Sender<String>>> =
        LazyLock::new(|| {
            let (send, receive) = std::sync::mpsc::channel::<String>();
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                for name in receive {
                    runtime.block_on(async {
                        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                        for cluster in [&PAIR.0, &PAIR.1] {
                            let admin = cluster.client("postgres").await;
                            let _ = admin.batch_execute(&drop).await;
                        }
                    });
                }
            });
            std::sync::Mutex::new(send)
        });
    if let Ok(janitor) = JANITOR.lock() {
        let _ = janitor.send(name.to_owned());
    }
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A program of PostgreSQL's.
pub fn program(name: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let configured = Command::new("pg_config").arg("--bindir").output();
        let configured = configured
            .ok()
            .map(|output| PathBuf::from(text(&output.stdout).trim()));
        let mut packaged: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .map(|version| version.path().join("bin"))
            .collect();
        packaged.sort();
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&on_path)
            .chain(configured)
            .chain(packaged.into_iter().rev())
            .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
            // What is on PATH may be links to some of them.
            .and_then(|folder| folder.join("initdb").canonicalize().ok())
            .and_then(|initdb| initdb.parent().map(Path::to_path_buf))
            .expect(
                "PostgreSQL's server programs (initdb, postgres) are neither on PATH nor in pg_config --bindir nor in \
                 /usr/lib/postgresql/*/bin; `make test` installs them, or apt-get install postgresql",
            )
    });
    FOLDER.join(name)
}

/// A client program of PostgreSQL's: beside the server's programs, or wherever it is on PATH.
pub fn client_program(name: &str) -> PathBuf {
    let beside = program(name);
    if beside.exists() {
        return beside;
    }
    PathBuf::from(name)
}

/// Whom a server runs as: PostgreSQL does not run as root.
pub(super) struct Account(Option<u32>);

impl Account {
    pub(super) fn of_server() -> Self {
        let id = |arguments: &[&str]| {
            let output = Command::new("id").args(arguments).output().expect("id");
            text(&output.stdout).trim().parse::<u32>().ok()
        };
        if id(&["-u"]) != Some(0) {
            return Self(None);
        }
        let postgres = id(&["-u", "postgres"])
            .expect("PostgreSQL does not run as root, and there is no user \"postgres\"");
        Self(Some(postgres))
    }

    fn own(&self, path: &Path) {
        if self.0.is_some() {
            chown(path, self.0, None).expect("a file for the user postgres");
        }
    }

    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = match self.0 {
            Some(_) => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        // The working folder may be one that the user postgres cannot enter.
        command.current_dir("/");
        command
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
