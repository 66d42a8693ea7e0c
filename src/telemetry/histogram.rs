//! How long do things take, counted without a lock, an allocation or a sample that is kept?
//!
//! A histogram of fixed buckets, as every statement records several times: two additions each. The exporter's own keeps each sample until
//! somebody scrapes.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of statement and wait times, in nanoseconds.
const STATEMENT_BOUNDS: [u64; 14] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
    30_000_000_000,
];
/// Upper bounds of routing times.
const ROUTE_BOUNDS: [u64; 10] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000,
];

/// Which histograms there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `tidegate_statement_seconds{target}`
    Statement,
    /// `tidegate_route_seconds`
    Route,
    /// `tidegate_pool_wait_seconds{backend}`
    PoolWait,
    /// `tidegate_refresh_seconds{view}`
    Refresh,
}

impl Family {
    const ALL: [Family; 4] = [
        Family::Statement,
        Family::Route,
        Family::PoolWait,
        Family::Refresh,
    ];

    fn name(self) -> &'static str {
        match self {
            Family::Statement => "tidegate_statement_seconds",
            Family::Route => "tidegate_route_seconds",
            Family::PoolWait => "tidegate_pool_wait_seconds",
            Family::Refresh => "tidegate_refresh_seconds",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Family::Statement => "Time from a statement's dispatch to its end.",
            Family::Route => "Time to classify and route a statement.",
            Family::PoolWait => "Time a statement waited for a connection.",
            Family::Refresh => "Time that refreshing a materialized view took.",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Family::Statement => "target",
            Family::Route => "",
            Family::PoolWait => "backend",
            Family::Refresh => "view",
        }
    }

    fn bounds(self) -> &'static [u64] {
        match self {
            Family::Statement | Family::PoolWait | Family::Refresh => &STATEMENT_BOUNDS,
            Family::Route => &ROUTE_BOUNDS,
        }
    }
}

/// One histogram.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is above all of them.
    counts: Box<[AtomicU64]>,
    nanoseconds: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            nanoseconds: AtomicU64::new(0),
        }
    }

    /// Takes note of one duration.
    pub fn record(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let at = self.bounds.iter().position(|bound| nanoseconds <= *bound);
        if let Some(count) = self.counts.get(at.unwrap_or(self.bounds.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// All histograms of a process. One that is asked for again is the same one.
#[derive(Debug, Default)]
pub struct Histograms(Mutex<Vec<Named>>);

/// A histogram with its family and the value of its label.
type Named = (Family, Box<str>, Arc<Histogram>);

impl Histograms {
    /// The histogram of a family with this value of its label.
    pub fn get(&self, family: Family, label: &str) -> Arc<Histogram> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all
            .iter()
            .find(|(of, value, _)| *of == family && &**value == label);
        if let Some((.., histogram)) = known {
            return Arc::clone(histogram);
        }
        let histogram = Arc::new(Histogram::new(family.bounds()));
        all.push((family, label.into(), Arc::clone(&histogram)));
        histogram
    }

    /// Appends the text for Prometheus
    /// (<https://prometheus.io/docs/instrumenting/exposition_formats/#histograms-and-summaries>).
    pub fn render(&self, out: &mut String) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for family in Family::ALL {
            let name = family.name();
            let _ = writeln!(out, "# HELP {name} {}", family.help());
            let _ = writeln!(out, "# TYPE {name} histogram");
            for (_, value, histogram) in all.iter().filter(|(of, ..)| *of == family) {
                put(out, family, &escaped(value), histogram);
            }
            out.push('\n');
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a float holds what a scrape needs of it"
)]
fn put(out: &mut String, family: Family, value: &str, histogram: &Histogram) {
    let (name, label) = (family.name(), family.label());
    let own = match label {
        "" => String::new(),
        label => format!("{label}=\"{value}\""),
    };
    let comma = if own.is_empty() { "" } else { "," };
    let mut total = 0;
    for (at, count) in histogram.counts.iter().enumerate() {
        total += count.load(Ordering::Relaxed);
        let bound = match histogram.bounds.get(at) {
            Some(bound) => (*bound as f64 / 1e9).to_string(),
            None => "+Inf".to_owned(),
        };
        let _ = writeln!(out, "{name}_bucket{{{own}{comma}le=\"{bound}\"}} {total}");
    }
    let braced = if own.is_empty() {
        own
    } else {
        format!("{{{own}}}")
    };
    let seconds = histogram.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9;
    let _ = writeln!(out, "{name}_sum{braced} {seconds}");
    let _ = writeln!(out, "{name}_count{braced} {total}");
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_told_as_prometheus_reads_it() {
        let all = Histograms::default();
        let oltp = all.get(Family::Statement, "oltp");
        oltp.record(Duration::from_micros(100));
        all.get(Family::Statement, "oltp")
            .record(Duration::from_micros(101));
        oltp.record(Duration::from_secs(60));
        all.get(Family::Route, "").record(Duration::from_nanos(300));
        all.get(Family::PoolWait, "a\"b").record(Duration::ZERO);
        let mut text = String::new();
        all.render(&mut text);
        for line in [
            "# TYPE tidegate_statement_seconds histogram",
            "tidegate_statement_seconds_bucket{target=\"oltp\",le=\"0.0001\"} 1",
            "tidegate_statement_seconds_bucket{target=\"oltp\",le=\"0.00025\"} 2",
            "tidegate_statement_seconds_bucket{target=\"oltp\",le=\"30\"} 2",
            "tidegate_statement_seconds_bucket{target=\"oltp\",le=\"+Inf\"} 3",
            "tidegate_statement_seconds_sum{target=\"oltp\"} 60.000201",
            "tidegate_statement_seconds_count{target=\"oltp\"} 3",
            "tidegate_route_seconds_bucket{le=\"0.0000005\"} 1",
            "tidegate_route_seconds_count 1",
            "tidegate_pool_wait_seconds_count{backend=\"a\\\"b\"} 1",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
    }
}
