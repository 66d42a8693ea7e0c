//! What has changed in the metrics?
//!
//! They are read over HTTP, as Prometheus does.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest time for one reading.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every sample by its name and labels.
pub(super) type Samples = BTreeMap<String, f64>;

/// Reads `/metrics`.
pub(super) async fn read(address: &str) -> Result<Samples, String> {
    let text = timeout(PATIENCE, get(address)).await;
    let text = text
        .map_err(|_| format!("no answer within {PATIENCE:?}"))
        .and_then(|got| got.map_err(|e| e.to_string()))
        .map_err(|why| format!("http://{address}/metrics: {why}"))?;
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.lines().next().is_some_and(|l| l.contains(" 200 ")) => {
            Ok(samples(body))
        }
        _ => Err(format!("http://{address}/metrics does not answer 200")),
    }
}

async fn get(address: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    socket.read_to_string(&mut text).await?;
    Ok(text)
}

fn samples(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    lines.filter_map(sample).collect()
}

/// The samples of some metrics that have grown: name and labels, before, after.
pub(super) fn grown(
    before: &Samples,
    after: &Samples,
    metrics: &[&str],
) -> Vec<(String, f64, f64)> {
    let of_interest = |name: &&String| metrics.iter().any(|metric| name.starts_with(metric));
    let names = after.keys().filter(of_interest);
    names
        .filter_map(|name| {
            let was = before.get(name).copied().unwrap_or(0.0);
            let is = after.get(name).copied()?;
            (is > was).then(|| (name.clone(), was, is))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_grew_are_found_by_their_metric() {
        let before = samples("# HELP a_total x\na_total{k=\"v w\"} 1\nb_total 5\n");
        let after = samples("a_total{k=\"v w\"} 3\na_total{k=\"z\"} 1\nb_total 6\na_bucket 2\n");
        let found = grown(&before, &after, &["a_total"]);
        let expected = [
            ("a_total{k=\"v w\"}", 1.0, 3.0),
            ("a_total{k=\"z\"}", 0.0, 1.0),
        ];
        assert_eq!(
            found,
            expected.map(|(name, was, is)| (name.to_owned(), was, is))
        );
    }
}
