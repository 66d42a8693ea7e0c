//! The two databases that a set is played in.

use tokio_postgres::Client;

use super::seat::PATIENCE;
use crate::support::postgres::{PAIR, drop_databases, fresh_name};
use crate::support::tide::{Setup, Tide};
use crate::support::{eventually, sql};

/// The most clients of a set.
pub const CLIENTS_MAX: usize = 5;

/// What both databases have in common for as long as they live. Clients that get into each other's way would not be answered alike twice, so
/// none makes anything but in schemas of its own.
const SHARED: &str = "
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    CREATE TABLE public.log (who int, n int);
    GRANT ALL ON public.log TO PUBLIC;";

/// What the analytic side has (`support::postgres`), for the direct database.
const ORDERS: &str = "
    CREATE TABLE orders (id int PRIMARY KEY, customer int, qty int, price float8, state text);
    INSERT INTO orders SELECT n, n % 3 + 1, n % 7, n * 1.5, (ARRAY['CA','NY','TX'])[n % 3 + 1]
        FROM generate_series(1, 100) n;
    GRANT ALL ON orders TO PUBLIC;";

/// What each client finds in schemas of its own, `sN` and `sNb`.
fn tables(client: usize) -> String {
    format!(
        "DROP SCHEMA IF EXISTS s{client}, s{client}b CASCADE;
         CREATE SCHEMA s{client}; CREATE SCHEMA s{client}b;
         CREATE TABLE s{client}b.t (id int, v text, n int);
         INSERT INTO s{client}b.t VALUES (1, 'other', 9);
         SET search_path = s{client};
         CREATE TABLE t (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0 CHECK (n < 100));
         INSERT INTO t SELECT g, 'v' || g, g FROM generate_series(1, 5) g;
         CREATE TABLE u (id serial PRIMARY KEY, t_id int REFERENCES t DEFERRABLE INITIALLY DEFERRED, x text);
         CREATE SEQUENCE sq;
         CREATE VIEW vw AS SELECT id, v FROM t;
         CREATE FUNCTION boom(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
             RAISE NOTICE 'boom %', $1;
             IF $1 > 1 THEN RAISE EXCEPTION 'boom of %', $1 USING DETAIL = 'so it is', HINT = 'do not'; END IF;
             RETURN $1; END $$;
         CREATE PROCEDURE twice(int) LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO u (t_id) VALUES ($1); COMMIT; INSERT INTO u (t_id) VALUES ($1); END $$;
         RESET search_path;"
    )
}

/// Two databases that look the same, one of them behind a router.
pub struct Arena {
    /// Connections to the default backend that the clients share; `None` when each has its own.
    pub pool: Option<usize>,
    pub direct_database: String,
    pub tide: Tide,
    /// Connections past the router to the direct database and the routed one.
    keepers: [Client; 2],
}

impl Arena {
    pub async fn open(pool: Option<usize>) -> Self {
        let direct_database = fresh_name("direct");
        PAIR.0.create_database(&direct_database).await;
        let setup = Setup::new("routed").await;
        let setup = match pool {
            Some(size) => setup
                .more("pooling: transaction")
                .oltp_pool(&format!("{{ size: {size}, wait: 8s }}")),
            None => setup.more("pooling: session"),
        };
        let routed = setup.sides().oltp().await;
        let direct = PAIR.0.client(&direct_database).await;
        for keeper in [&direct, &routed] {
            sql::exec(keeper, SHARED).await;
        }
        sql::exec(&direct, ORDERS).await;
        Self {
            pool,
            direct_database,
            tide: setup.start().await,
            keepers: [direct, routed],
        }
    }

    /// Puts both databases into the state that a set begins with.
    pub async fn reset(&self, clients: usize) {
        let mut script = "TRUNCATE public.log;".to_owned();
        (0..clients).for_each(|client| script.push_str(&tables(client)));
        let [direct, routed] = &self.keepers;
        let both = async {
            tokio::join!(sql::exec(direct, &script), sql::exec(routed, &script));
        };
        if tokio::time::timeout(PATIENCE, both).await.is_err() {
            let admin = PAIR.0.client("postgres").await;
            let asked = "SELECT datname, pid, state, wait_event, query FROM pg_stat_activity WHERE datname IS NOT NULL";
            let activity = sql::rows(&admin, asked).await;
            panic!("something is left of an earlier set and holds locks: {activity:#?}");
        }
    }

    /// Waits until nothing is left of clients that went away in the middle of something.
    pub async fn settle(&self) {
        let asked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        for keeper in &self.keepers {
            eventually("no advisory locks", || async {
                sql::scalar(keeper, asked).await == "0"
            })
            .await;
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        drop_databases(&self.direct_database);
    }
}
