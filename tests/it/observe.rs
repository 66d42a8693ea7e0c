//! What an operator sees: metrics, health, status.

use crate::support::gate::Gate;
use crate::support::postgres::PAIR;
use crate::support::tide::{Setup, Tide};
use crate::support::{eventually, http, run, sql};

/// The sum of all samples of a metric whose labels contain all of these texts.
async fn sum(tide: &Tide, name: &str, labels: &[&str]) -> f64 {
    let (status, body) = http::get(&tide.router.http, "/metrics").await;
    assert_eq!(status, 200);
    let wanted = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|label| line.contains(label))
    };
    let value = |line: &str| line.rsplit(' ').next().and_then(|v| v.parse::<f64>().ok());
    body.lines().filter(wanted).filter_map(value).sum()
}

#[test]
fn every_metric_of_the_agreement_is_there() {
    run(async {
        let rule = "routes: [{ name: dash, relations: [orders], to: analytic }]";
        let tide = Tide::with("metric_names", rule).await;
        let client = tide.client().await;
        sql::exec(&client, "SELECT count(*) FROM orders; SELECT 1").await;
        sql::state(&client, "DELETE FROM orders").await;
        let (_, body) = http::get(&tide.router.http, "/metrics").await;
        for (name, kind) in [
            ("statements_total", "counter"),
            ("refused_total", "counter"),
            ("route_rule_hits_total", "counter"),
            ("statement_seconds", "histogram"),
            ("route_seconds", "histogram"),
            ("parse_total", "counter"),
            ("clients", "gauge"),
            ("pool_connections", "gauge"),
            ("pool_waiting", "gauge"),
            ("pool_wait_seconds", "histogram"),
            ("backend_up", "gauge"),
            ("bytes_total", "counter"),
            ("catalog_relations", "gauge"),
            ("config_reloads_total", "counter"),
        ] {
            let line = format!("# TYPE tidegate_{name} {kind}");
            assert!(body.contains(&line), "{line}");
            let help = format!("# HELP tidegate_{name} ");
            assert!(body.contains(&help), "{help}");
        }
        for sample in [
            "tidegate_statements_total{target=\"analytic\",kind=\"select\",reason=\"rule\"} 1",
            "tidegate_statements_total{target=\"oltp\",kind=\"select\",reason=\"no_relations\"} 1",
            "tidegate_statements_total{target=\"none\",kind=\"delete\",reason=\"write_on_analytic\"} 1",
            "tidegate_refused_total{reason=\"write_on_analytic\"} 1",
            "tidegate_route_rule_hits_total{rule=\"routes[0] dash\"} 2",
            "tidegate_clients 1",
            "tidegate_catalog_relations{backend=\"analytic\",kind=\"view\"} 1",
            "tidegate_catalog_relations{backend=\"oltp\",kind=\"materialized_view\"} 0",
            "tidegate_config_reloads_total{result=\"ok\"} 0",
            "tidegate_pool_waiting{backend=\"analytic\"} 0",
        ] {
            assert!(body.contains(&format!("{sample}\n")), "{sample}\n{body}");
        }
        for by in ["cache", "sqlparser", "tokens"] {
            assert!(body.contains(&format!("tidegate_parse_total{{by=\"{by}\"}}")));
        }
    });
}

#[test]
fn counters_move_with_what_happens() {
    run(async {
        let tide = Tide::start("metric_moves").await;
        let client = tide.client().await;
        let before = sum(
            &tide,
            "tidegate_bytes_total",
            &["side=\"client\"", "direction=\"out\""],
        )
        .await;
        for _ in 0..5 {
            sql::exec(
                &client,
                "SELECT repeat('x', 10000) FROM orders WHERE id = 1",
            )
            .await;
        }
        client
            .query("SELECT count(*) FROM customers", &[])
            .await
            .unwrap();
        let analytic = ["target=\"analytic\"", "kind=\"select\""];
        assert_eq!(
            sum(&tide, "tidegate_statements_total", &analytic).await,
            5.0
        );
        assert_eq!(
            sum(&tide, "tidegate_statement_seconds_count", &analytic[..1]).await,
            5.0
        );
        assert_eq!(
            sum(
                &tide,
                "tidegate_statement_seconds_count",
                &["target=\"oltp\""]
            )
            .await,
            1.0
        );
        assert!(sum(&tide, "tidegate_parse_total", &["by=\"cache\""]).await >= 4.0);
        assert_eq!(
            sum(&tide, "tidegate_pool_connections", &["state=\"active\""]).await,
            0.0
        );
        assert_eq!(
            sum(
                &tide,
                "tidegate_pool_connections",
                &["state=\"idle\"", "analytic"]
            )
            .await,
            1.0
        );
        assert_eq!(
            sum(&tide, "tidegate_pool_wait_seconds_count", &["analytic"]).await,
            5.0
        );
        assert!(sum(&tide, "tidegate_route_seconds_count", &[]).await >= 6.0);
        let out = ["side=\"client\"", "direction=\"out\""];
        let counted =
            || async { sum(&tide, "tidegate_bytes_total", &out).await - before > 50_000.0 };
        eventually("bytes to clients are counted", counted).await;
        let from = ["side=\"backend\"", "direction=\"in\""];
        assert!(sum(&tide, "tidegate_bytes_total", &from).await > 50_000.0);
        drop(client);
        let left = || async { sum(&tide, "tidegate_clients", &[]).await == 0.0 };
        eventually("the client is gone", left).await;
    });
}

#[test]
fn an_active_connection_is_counted_as_such() {
    run(async {
        let tide = Tide::start("metric_active").await;
        let mut raw = tide.raw().await;
        raw.query("BEGIN").await;
        raw.query("SELECT count(*) FROM orders").await;
        let active = ["state=\"active\"", "backend=\"analytic\""];
        assert_eq!(sum(&tide, "tidegate_pool_connections", &active).await, 1.0);
        drop(raw);
        let free = || async { sum(&tide, "tidegate_pool_connections", &active).await == 0.0 };
        eventually("it is given back", free).await;
    });
}

#[test]
fn nothing_a_client_writes_becomes_a_label() {
    run(async {
        let tide = Tide::start("labels").await;
        let mut config = tide.config("app");
        config.application_name("sesame_app");
        let (client, _) = crate::support::tide::open(&config, tokio_postgres::NoTls)
            .await
            .unwrap();
        for n in 0..50 {
            let text = format!("SESAME{n} something; SELECT * FROM sesame_{n}");
            sql::state(&client, &text).await;
            sql::state(&client, &format!("SHOW sesame.s{n}")).await;
            sql::state(&client, &format!("/* tidegate: to=sesame_{n} */ SELECT 1")).await;
            sql::state(&client, &format!("SET tidegate.sesame_{n} = 1")).await;
        }
        let (_, body) = http::get(&tide.router.http, "/metrics").await;
        assert!(!body.to_lowercase().contains("sesame"), "{body}");
        let lines = body
            .lines()
            .filter(|line| line.starts_with("tidegate_statements_total"))
            .count();
        assert!(lines < 20, "{lines}");
    });
}

#[test]
fn health_and_readiness_follow_the_default_backend() {
    run(async {
        let gate = Gate::open_to(PAIR.0.port()).await;
        let tide = Setup::new("ready")
            .await
            .oltp_port(gate.port())
            .start()
            .await;
        let address = &tide.router.http;
        let ready = || async { http::get(address, "/readyz").await.0 == 200 };
        eventually("it is ready", ready).await;
        assert_eq!(
            http::get(address, "/healthz").await,
            (200, "ok\n".to_owned())
        );
        let up = |name: &'static str| http::sample(address, name);
        eventually("both are up", || async {
            up("tidegate_backend_up{backend=\"oltp\"}").await == Some(1.0)
                && up("tidegate_backend_up{backend=\"analytic\"}").await == Some(1.0)
        })
        .await;
        gate.shut().await;
        eventually("it is not ready", || async {
            http::get(address, "/readyz").await.0 == 503
        })
        .await;
        assert_eq!(http::get(address, "/healthz").await.0, 200);
        assert_eq!(up("tidegate_backend_up{backend=\"oltp\"}").await, Some(0.0));
        gate.open().await;
        eventually("it is ready again", ready).await;
        assert_eq!(http::get(address, "/nowhere").await.0, 404);
    });
}

#[test]
fn the_status_shows_backends_rules_and_sessions_and_no_secret() {
    run(async {
        let auth = "{ method: trust, users: { app: { password: 'open sesame' }, '<b>': { password: 'x sesame' } } }";
        let rule = "routes: [{ name: '<script>', relations: [orders], to: analytic }]";
        let url = PAIR.1.url("md5_user", "DATABASE");
        let setup = Setup::new("status")
            .await
            .auth(auth)
            .more(rule)
            .analytic_url(&url);
        let database = setup.sides().database.clone();
        let yaml = setup
            .yaml()
            .replace("\n    pool:", "\n    password: 'md5 secret'\n    pool:");
        let router = crate::support::router::Router::start(&yaml).await;
        let client = crate::support::postgres::connect(router.port(), "app", &database).await;
        sql::exec(&client, "SELECT 'open sesame', count(*) FROM orders").await;
        let (status, body) = http::get(&router.http, "/api/status").await;
        assert_eq!(status, 200);
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(json["backends"][0]["name"], "oltp");
        assert_eq!(json["backends"][0]["default"], true);
        assert_eq!(json["rules"][0]["to"], "analytic");
        assert_eq!(json["clients"], 1);
        assert_eq!(
            (
                &json["sessions"][0]["user"],
                &json["sessions"][0]["database"]
            ),
            (&"app".into(), &database.into())
        );
        assert_eq!(json["draining"], false);
        for path in ["/api/status", "/", "/metrics"] {
            let (_, body) = http::get(&router.http, path).await;
            for secret in ["sesame", "md5 secret", "127.0.0.1", "postgres://"] {
                assert!(!body.contains(secret), "{path} shows {secret}");
            }
        }
        let (_, page) = http::get(&router.http, "/").await;
        assert!(
            page.contains("&lt;script&gt;") && !page.contains("<script>"),
            "{page}"
        );
    });
}
