//! Where a test's analytic side is: in a double of its own or, with `RISINGWAVE_URL`, in a database of its own on that server.
//!
//! What only the double can do or tell (misbehave, say what it was sent) a test asks of it where it is one. Tables and rows are those
//! of [`crate::support::postgres`].

use std::fmt::Write as _;
use std::sync::Mutex;

use crate::support::postgres::PAIR;
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{Raw, tags};

use super::double::{Double, Options};
use super::facts::{Subject, fresh, given};

/// What stands behind the router on the analytic side, as long as the test lasts.
pub enum Analytic {
    Double(Double),
    Real(Own),
}

/// A database of the server under test. It is gone when this is dropped, and so are the users that were made for it.
pub struct Own {
    subject: Subject,
    database: String,
    users: Mutex<Vec<String>>,
}

impl Analytic {
    /// A client of the analytic side itself.
    pub async fn root(&self) -> Raw {
        match self {
            Self::Double(double) => log_in(&double.address(), "root", self.database()).await,
            Self::Real(own) => {
                log_in(&own.subject.address, &own.subject.user, self.database()).await
            }
        }
    }

    /// Runs what must succeed past the router, one statement at a time; what they wrote is seen from then on.
    pub async fn make(&self, statements: &[&str]) {
        let mut root = self.root().await;
        for sql in statements.iter().chain(&["FLUSH"]) {
            run(&mut root, sql).await;
        }
    }

    /// Whether it runs a statement with this text in it now.
    pub async fn runs(&self, text: &str) -> bool {
        let rows = self.sessions(&mut self.root().await).await;
        rows.iter().any(|row| row[6].contains(text))
    }

    /// The sessions of its database, as SHOW PROCESSLIST tells of them to `root`.
    pub async fn sessions(&self, root: &mut Raw) -> Vec<Vec<String>> {
        let frames = root.query("SHOW PROCESSLIST").await;
        let text = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap_or_default());
        let rows = frames.iter().filter(|frame| frame.tag == 'D').map(|frame| {
            let row = frame.row().into_iter().map(text);
            row.collect::<Result<Vec<_>, _>>().expect("text")
        });
        rows.filter(|row| row[4] == self.database()).collect()
    }

    fn database(&self) -> &str {
        match self {
            Self::Double(_) => "dev",
            Self::Real(own) => &own.database,
        }
    }

    /// Makes a user whose login needs a password, and gives the url of it.
    pub async fn url_with_password(&self) -> String {
        let user = fresh("reader");
        let made = format!("CREATE USER {user} WITH SUPERUSER PASSWORD 's3'");
        run(&mut self.root().await, &made).await;
        let login = format!("{user}:s3");
        match self {
            Self::Double(double) => double.url(&login),
            Self::Real(own) => {
                own.users.lock().expect("the users").push(user);
                own.url(&login)
            }
        }
    }

    /// Whether it was sent a statement like this; `None` where a server cannot tell.
    pub fn saw(&self, like: impl Fn(&str) -> bool) -> Option<bool> {
        let double = self.double()?;
        Some(double.seen().iter().any(|sql| like(sql)))
    }

    /// The double, which can tell what it was sent; a real server cannot.
    pub fn double(&self) -> Option<&Double> {
        match self {
            Self::Double(double) => Some(double),
            Self::Real(_) => None,
        }
    }
}

impl Own {
    fn url(&self, login: &str) -> String {
        let address = &self.subject.address;
        format!(
            "postgres://{login}@{address}/{}?sslmode=disable",
            self.database
        )
    }
}

async fn log_in(address: &str, user: &str, database: &str) -> Raw {
    let mut raw = Raw::connect(address).await;
    raw.log_in(user, database).await;
    raw
}

async fn run(raw: &mut Raw, sql: &str) {
    let frames = raw.query(sql).await;
    assert!(!tags(&frames).contains('E'), "{sql}: {frames:?}");
}

/// The router between an OLTP database and an analytic side.
pub async fn anywhere(hint: &str) -> (Tide, Analytic) {
    let setup = Setup::new(hint).await;
    let (setup, analytic) = analytic(setup).await;
    (setup.start().await, analytic)
}

/// An analytic side for a router that is set up otherwise.
pub async fn analytic(setup: Setup) -> (Setup, Analytic) {
    analytic_with(setup, Options::default()).await
}

/// The same with a double that is set up otherwise, too. A real server is as it is.
pub async fn analytic_with(setup: Setup, options: Options) -> (Setup, Analytic) {
    let Some(subject) = given() else {
        let (setup, double) = doubled(setup, options).await;
        return (setup, Analytic::Double(double));
    };
    let own = Own {
        database: fresh("tidegate"),
        subject,
        users: Mutex::default(),
    };
    let Subject { address, user, .. } = &own.subject;
    let mut raw = log_in(address, user, &own.subject.database).await;
    run(&mut raw, &format!("CREATE DATABASE {}", own.database)).await;
    let mut raw = log_in(address, user, &own.database).await;
    for sql in tables() {
        run(&mut raw, &sql).await;
    }
    run(&mut raw, "FLUSH").await;
    (setup.risingwave(&own.url(user)), Analytic::Real(own))
}

/// The double on the analytic side, wherever other tests are run: for what no real server can be asked to do.
pub async fn doubled(setup: Setup, options: Options) -> (Setup, Double) {
    let double = Double::start(options, PAIR.1.port(), &setup.sides().database).await;
    (setup.risingwave(&double.url("root")), double)
}

/// What PostgreSQL in the analytic role holds too, but in no order: RisingWave has none.
fn tables() -> [String; 5] {
    let mut orders = "INSERT INTO orders VALUES ".to_owned();
    for at in 1..=100_u32 {
        let comma = if at == 1 { "" } else { ", " };
        let n = at * 37 % 101;
        let state = ["CA", "NY", "TX"][(n % 3) as usize];
        let (customer, qty, price) = (n % 3 + 1, n % 7, f64::from(n) * 1.5);
        let _ = write!(
            orders,
            "{comma}({n}, {customer}, {qty}, {price:?}, '{state}')"
        );
    }
    [
        "CREATE TABLE orders (id int PRIMARY KEY, customer int, qty int, price double precision, state varchar)".to_owned(),
        orders,
        "CREATE VIEW daily AS SELECT state, sum(qty) AS qty FROM orders GROUP BY state".to_owned(),
        "CREATE TABLE products (id int PRIMARY KEY, price numeric, side varchar)".to_owned(),
        "INSERT INTO products VALUES (2, 20, 'analytic'), (1, 10, 'analytic')".to_owned(),
    ]
}

impl Drop for Own {
    fn drop(&mut self) {
        let Subject {
            address,
            user,
            database,
        } = &self.subject;
        let (address, user, database) = (address.clone(), user.clone(), database.clone());
        let users = self.users.lock().map(|users| users.clone());
        let users = users.unwrap_or_default().into_iter();
        let mut drops = vec![format!("DROP DATABASE {}", self.database)];
        drops.extend(users.map(|user| format!("DROP USER {user}")));
        // A runtime cannot wait within another.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let mut raw = Raw::connect(&address).await;
                if raw.try_log_in(&user, &database).await {
                    for drop in &drops {
                        raw.try_query(drop).await;
                    }
                }
            });
        });
        let _ = dropping.join();
    }
}
