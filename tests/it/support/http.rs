//! A GET over a socket.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// The status and body of `GET path`.
pub async fn get(address: &str, path: &str) -> (u16, String) {
    let answer = async {
        let mut socket = TcpStream::connect(address).await.expect("http answers");
        let request = format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("received");
        answer
    };
    let answer = within("an http request", answer).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).expect("a status line");
    (status.parse().expect("a status"), body.to_owned())
}

/// The value of one sample, `name{labels}` exactly as exported, or `None` when it is not there.
pub async fn sample(address: &str, name: &str) -> Option<f64> {
    let (status, body) = get(address, "/metrics").await;
    assert_eq!(status, 200);
    let mut lines = body.lines();
    let line = lines.find(|line| line.rsplit_once(' ').is_some_and(|(key, _)| key == name))?;
    line.rsplit_once(' ')?.1.parse().ok()
}
