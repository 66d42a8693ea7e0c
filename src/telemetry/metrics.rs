//! What does Prometheus see?
//!
//! Every metric with its name, unit and kept handle. Labels come from the configuration and from closed lists only; nothing a
//! client writes becomes a label. The recorder is a value, not a global, so that tests can have several.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use metrics::{Counter, Gauge, Key, KeyName, Label, Level, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::histogram::{Family, Histogram, Histograms};
use crate::config::Config;
use crate::routing::Reason;
use crate::session::pins::PinReason;

const METADATA: Metadata<'static> = Metadata::new("tidegate", Level::INFO, None);

/// All metrics of one process. Handles for backends and rules are made anew for each configuration, and meet the old
/// values under the same names.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    histograms: Histograms,
    /// `tidegate_clients`
    pub clients: Gauge,
    /// `tidegate_route_seconds`
    pub route_seconds: Arc<Histogram>,
    /// `tidegate_parse_total{by="cache"}`
    pub parse_cache: Counter,
    /// `tidegate_parse_total{by="sqlparser"}`
    pub parse_sqlparser: Counter,
    /// `tidegate_parse_total{by="tokens"}`
    pub parse_tokens: Counter,
    /// `tidegate_config_reloads_total{result="ok"}`
    pub reloads_ok: Counter,
    /// `tidegate_config_reloads_total{result="failed"}`
    pub reloads_failed: Counter,
    /// `tidegate_bytes_total`: from clients, to clients, from backends, to backends.
    pub bytes: [Counter; 4],
    statements: DashMap<(Box<str>, &'static str, Reason), Counter>,
    refused: Vec<(Reason, Counter)>,
    pinned: Vec<(PinReason, Gauge, Counter)>,
}

/// A statement that was counted, and where.
pub struct Counted {
    target: Box<str>,
    kind: &'static str,
    reason: Reason,
    counter: Counter,
}

/// Handles for one backend.
#[derive(Clone)]
pub struct BackendMetrics {
    /// `tidegate_statement_seconds{target}`
    pub statement_seconds: Arc<Histogram>,
    /// `tidegate_pool_connections{state="idle"}`
    pub idle: Gauge,
    /// `tidegate_pool_connections{state="active"}`
    pub active: Gauge,
    /// `tidegate_pool_waiting`
    pub waiting: Gauge,
    /// `tidegate_pool_wait_seconds`
    pub wait_seconds: Arc<Histogram>,
    /// `tidegate_backend_up`
    pub up: Gauge,
    /// `tidegate_server_up`, where the backend's url names several.
    servers: Arc<[Gauge]>,
}

impl BackendMetrics {
    /// Sets `tidegate_server_up` of one of the servers that the url names.
    pub fn set_server_up(&self, at: usize, up: bool) {
        if let Some(server) = self.servers.get(at) {
            server.set(if up { 1.0 } else { 0.0 });
        }
    }
}

impl Metrics {
    /// A fresh set, all zero.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let recorder = PrometheusBuilder::new().build_recorder();
        let histograms = Histograms::default();
        describe(&recorder);
        let counter = |name, labels: &[(&'static str, &str)]| counter(&recorder, name, labels);
        let bytes = |side, direction| {
            counter(
                "tidegate_bytes_total",
                &[("side", side), ("direction", direction)],
            )
        };
        Arc::new(Self {
            handle: recorder.handle(),
            clients: gauge(&recorder, "tidegate_clients", &[]),
            route_seconds: histograms.get(Family::Route, ""),
            parse_cache: counter("tidegate_parse_total", &[("by", "cache")]),
            parse_sqlparser: counter("tidegate_parse_total", &[("by", "sqlparser")]),
            parse_tokens: counter("tidegate_parse_total", &[("by", "tokens")]),
            reloads_ok: counter("tidegate_config_reloads_total", &[("result", "ok")]),
            reloads_failed: counter("tidegate_config_reloads_total", &[("result", "failed")]),
            bytes: [
                bytes("client", "in"),
                bytes("client", "out"),
                bytes("backend", "in"),
                bytes("backend", "out"),
            ],
            statements: DashMap::new(),
            refused: Reason::ALL
                .iter()
                .filter(|reason| reason.refuses())
                .map(|reason| {
                    let labels = [("reason", reason.as_str())];
                    (*reason, counter("tidegate_refused_total", &labels))
                })
                .collect(),
            pinned: PinReason::ALL
                .iter()
                .map(|reason| {
                    let labels = [("reason", reason.as_str())];
                    let now = gauge(&recorder, "tidegate_pinned_sessions", &labels);
                    (*reason, now, counter("tidegate_pins_total", &labels))
                })
                .collect(),
            histograms,
            recorder,
        })
    }

    /// `tidegate_pinned_sessions{reason}` and `tidegate_pins_total{reason}`: a session is pinned to its connection, or no more.
    pub fn pinned(&self, reason: PinReason, came: bool) {
        let Some((_, now, all)) = self.pinned.iter().find(|(known, ..)| *known == reason) else {
            return;
        };
        if came {
            now.increment(1.0);
            all.increment(1);
        } else {
            now.decrement(1.0);
        }
    }

    /// `tidegate_statements_total{target,kind,reason}`; a refused statement has the target `none`. `last` remembers what the caller has
    /// counted last, as most statements are like the one before.
    pub fn statement(
        &self,
        target: &str,
        kind: &'static str,
        reason: Reason,
        last: &mut Option<Counted>,
    ) {
        let same = last.as_ref().filter(|last| {
            std::ptr::eq(last.kind, kind) && last.reason == reason && *last.target == *target
        });
        if let Some(last) = same {
            last.counter.increment(1);
            return;
        }
        let counter = self.statement_counter(target, kind, reason);
        counter.increment(1);
        *last = Some(Counted {
            target: target.into(),
            kind,
            reason,
            counter,
        });
    }

    fn statement_counter(&self, target: &str, kind: &'static str, reason: Reason) -> Counter {
        let key = (Box::from(target), kind, reason);
        if let Some(counter) = self.statements.get(&key) {
            return counter.clone();
        }
        let labels = [
            ("target", target),
            ("kind", kind),
            ("reason", reason.as_str()),
        ];
        let counter = counter(&self.recorder, "tidegate_statements_total", &labels);
        self.statements.insert(key, counter.clone());
        counter
    }

    /// `tidegate_refused_total{reason}`
    pub fn refused(&self, reason: Reason) {
        if let Some((_, counter)) = self.refused.iter().find(|(known, _)| *known == reason) {
            counter.increment(1);
        }
    }

    /// `tidegate_refreshes_total{view,result}` and `tidegate_refresh_seconds{view}`: a materialized view was to be refreshed.
    pub fn refreshed(&self, view: &str, result: &'static str, took: Duration) {
        let labels = [("view", view), ("result", result)];
        counter(&self.recorder, "tidegate_refreshes_total", &labels).increment(1);
        if result == "ok" {
            self.histograms.get(Family::Refresh, view).record(took);
        }
    }

    /// `tidegate_route_rule_hits_total{rule}`, one handle for each rule in order.
    #[must_use]
    pub fn rules(&self, config: &Config) -> Vec<Counter> {
        let hits = |label: String| {
            counter(
                &self.recorder,
                "tidegate_route_rule_hits_total",
                &[("rule", label.as_str())],
            )
        };
        config
            .routes
            .iter()
            .map(|rule| hits(rule.label()))
            .collect()
    }

    /// Handles for a backend whose url names so many servers.
    #[must_use]
    pub fn backend(&self, name: &str, servers: usize) -> BackendMetrics {
        let r = &self.recorder;
        let connections = |state| {
            gauge(
                r,
                "tidegate_pool_connections",
                &[("backend", name), ("state", state)],
            )
        };
        BackendMetrics {
            statement_seconds: self.histograms.get(Family::Statement, name),
            idle: connections("idle"),
            active: connections("active"),
            waiting: gauge(r, "tidegate_pool_waiting", &[("backend", name)]),
            wait_seconds: self.histograms.get(Family::PoolWait, name),
            up: gauge(r, "tidegate_backend_up", &[("backend", name)]),
            servers: (1..=servers)
                .filter(|_| servers > 1)
                .map(|number| {
                    let labels = [("backend", name), ("server", &number.to_string())];
                    gauge(r, "tidegate_server_up", &labels)
                })
                .collect(),
        }
    }

    /// Sets `tidegate_catalog_relations{backend,kind}`.
    pub fn catalog(&self, backend: &str, kind: &'static str, count: usize) {
        let labels = [("backend", backend), ("kind", kind)];
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        gauge(&self.recorder, "tidegate_catalog_relations", &labels).set(count as f64);
    }

    /// Sets `tidegate_catalog_not_ready{backend}`.
    pub fn catalog_unready(&self, backend: &str, count: usize) {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        gauge(
            &self.recorder,
            "tidegate_catalog_not_ready",
            &[("backend", backend)],
        )
        .set(count as f64);
    }

    /// The text for Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        self.histograms.render(&mut text);
        text
    }
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let label = |(name, value): &(&'static str, &str)| Label::new(*name, (*value).to_owned());
    Key::from_parts(name, labels.iter().map(label).collect::<Vec<_>>())
}

fn counter(
    recorder: &PrometheusRecorder,
    name: &'static str,
    labels: &[(&'static str, &str)],
) -> Counter {
    recorder.register_counter(&key(name, labels), &METADATA)
}

fn gauge(
    recorder: &PrometheusRecorder,
    name: &'static str,
    labels: &[(&'static str, &str)],
) -> Gauge {
    recorder.register_gauge(&key(name, labels), &METADATA)
}

fn describe(recorder: &PrometheusRecorder) {
    let help = |text: &'static str| SharedString::from(text);
    let counters = [
        (
            "tidegate_statements_total",
            "Statements routed or refused, by target, kind and reason.",
        ),
        ("tidegate_refused_total", "Statements refused, by reason."),
        (
            "tidegate_route_rule_hits_total",
            "Statements decided by each rule.",
        ),
        (
            "tidegate_parse_total",
            "Statements classified, by cache, sqlparser or tokens.",
        ),
        (
            "tidegate_pins_total",
            "Times a session was pinned to its connection, by reason.",
        ),
        (
            "tidegate_bytes_total",
            "Bytes to and from clients and backends.",
        ),
        (
            "tidegate_refreshes_total",
            "Refreshes of materialized views, by result.",
        ),
        (
            "tidegate_config_reloads_total",
            "Reloads of router.yaml, by result.",
        ),
    ];
    for (name, text) in counters {
        recorder.describe_counter(KeyName::from(name), None, help(text));
    }
    let gauges = [
        ("tidegate_clients", "Clients connected."),
        (
            "tidegate_pinned_sessions",
            "Sessions that keep their connection after a transaction, by reason.",
        ),
        (
            "tidegate_pool_connections",
            "Connections to a backend, by state.",
        ),
        (
            "tidegate_pool_waiting",
            "Statements waiting for a connection.",
        ),
        (
            "tidegate_backend_up",
            "Whether the last health probe of a backend succeeded.",
        ),
        (
            "tidegate_server_up",
            "Whether a server answers, for backends whose url names several, by its place there.",
        ),
        (
            "tidegate_catalog_relations",
            "Relations in a backend's catalog, by kind.",
        ),
        (
            "tidegate_catalog_not_ready",
            "Relations that cannot be read yet: being filled, or their backend recovers.",
        ),
    ];
    for (name, text) in gauges {
        recorder.describe_gauge(KeyName::from(name), None, help(text));
    }
}
