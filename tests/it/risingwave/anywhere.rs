//! Where a test's analytic side is: in a double of its own or, with `RISINGWAVE_URL`, in a database of its own on that server.
//!
//! Only for tests that ask nothing of the double itself. Tables and rows are those of [`crate::support::postgres`].

use std::fmt::Write as _;

use crate::support::postgres::{PAIR, fresh_name};
use crate::support::tide::{Setup, Tide};
use crate::support::wire::{Raw, tags};

use super::double::{Double, Options};
use super::facts::{Subject, given};

/// What stands behind the router on the analytic side, as long as the test lasts.
pub enum Analytic {
    Double(Double),
    Real(Own),
}

/// A database of the server under test. It is gone when this is dropped.
pub struct Own {
    subject: Subject,
    database: String,
}

impl Analytic {
    /// A client of the analytic side itself.
    pub async fn root(&self) -> Raw {
        match self {
            Self::Double(double) => log_in(&double.address(), "root", "dev").await,
            Self::Real(own) => log_in(&own.subject.address, &own.subject.user, &own.database).await,
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
    let Some(subject) = given() else {
        let database = setup.sides().database.clone();
        let double = Double::start(Options::default(), PAIR.1.port(), &database).await;
        let setup = setup.risingwave(&double.url("root"));
        return (setup, Analytic::Double(double));
    };
    let own = Own {
        database: fresh_name("tidegate"),
        subject,
    };
    let Subject { address, user, .. } = &own.subject;
    let mut raw = log_in(address, user, &own.subject.database).await;
    run(&mut raw, &format!("CREATE DATABASE {}", own.database)).await;
    let mut raw = log_in(address, user, &own.database).await;
    for sql in tables() {
        run(&mut raw, &sql).await;
    }
    run(&mut raw, "FLUSH").await;
    let url = format!(
        "postgres://{user}@{address}/{}?sslmode=disable",
        own.database
    );
    (setup.risingwave(&url), Analytic::Real(own))
}

/// What PostgreSQL in the analytic role holds too.
fn tables() -> [String; 5] {
    let mut orders = "INSERT INTO orders VALUES ".to_owned();
    for n in 1..=100_u32 {
        let comma = if n == 1 { "" } else { ", " };
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
        "INSERT INTO products VALUES (1, 10, 'analytic'), (2, 20, 'analytic')".to_owned(),
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
        let drop = format!("DROP DATABASE {}", self.database);
        // A runtime cannot wait within another.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let mut raw = Raw::connect(&address).await;
                if raw.try_log_in(&user, &database).await {
                    raw.try_query(&drop).await;
                }
            });
        });
        let _ = dropping.join();
    }
}
