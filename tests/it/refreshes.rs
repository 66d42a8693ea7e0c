//! PostgreSQL's own materialized views, refreshed by the router.

use crate::support::sql::{exec, scalar};
use crate::support::tide::{Setup, Tide};
use crate::support::{eventually, http, run};

/// A router that refreshes `popular`, which counts notes.
async fn tide(hint: &str, keys: &str) -> Tide {
    let setup = Setup::new(hint).await;
    let direct = setup.sides().oltp().await;
    exec(
        &direct,
        "CREATE MATERIALIZED VIEW popular AS SELECT 1 AS one, count(*) AS n FROM notes; CREATE UNIQUE INDEX ON popular (one)",
    )
    .await;
    let refresh = format!("refresh:\n  - {{ view: popular, {keys} }}");
    setup.more(&refresh).start().await
}

async fn refreshes(tide: &Tide, result: &str) -> f64 {
    let name = format!("tidegate_refreshes_total{{view=\"popular\",result=\"{result}\"}}");
    http::sample(&tide.router.http, &name).await.unwrap_or(0.0)
}

#[test]
fn a_view_is_refreshed_after_committed_writes_and_not_more_often_than_allowed() {
    run(async {
        let keys = "after_writes: [notes], at_most_every: 1h, concurrently: true";
        let tide = tide("refresh_writes", keys).await;
        let client = tide.client().await;
        exec(
            &client,
            "BEGIN; INSERT INTO notes (body) VALUES ('x'); ROLLBACK",
        )
        .await;
        exec(
            &client,
            "BEGIN; INSERT INTO notes (body) VALUES ('a'), ('b'); COMMIT",
        )
        .await;
        eventually("the view is fresh", || async {
            scalar(&client, "SELECT n FROM popular").await == "2"
        })
        .await;
        exec(&client, "INSERT INTO notes (body) VALUES ('c')").await;
        exec(&client, "DELETE FROM customers").await;
        assert_eq!(scalar(&client, "SELECT n FROM popular").await, "2");
        eventually("it is counted", || async {
            refreshes(&tide, "ok").await > 0.0
        })
        .await;
        assert_eq!(refreshes(&tide, "ok").await, 1.0);
    });
}

#[test]
fn a_view_is_refreshed_in_time_and_by_one_router_alone() {
    run(async {
        let tide = tide("refresh_time", "every: 1s").await;
        let direct = tide.sides.oltp().await;
        let lock = "pg_advisory_lock(hashtext('tidegate refresh'), hashtext('popular'))";
        exec(&direct, &format!("SELECT {lock}")).await;
        exec(&direct, "INSERT INTO notes (body) VALUES ('a')").await;
        eventually("another router is seen at it", || async {
            refreshes(&tide, "elsewhere").await > 0.0
        })
        .await;
        assert_eq!(scalar(&direct, "SELECT n FROM popular").await, "0");
        exec(&direct, "SELECT pg_advisory_unlock_all()").await;
        eventually("the view is fresh", || async {
            scalar(&direct, "SELECT n FROM popular").await == "1"
        })
        .await;
        exec(&direct, "DROP MATERIALIZED VIEW popular").await;
        eventually("the failure is counted", || async {
            refreshes(&tide, "failed").await > 0.0
        })
        .await;
    });
}
