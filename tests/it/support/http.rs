//! GET and POST over a socket.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::within;

/// The status and body of `GET path`.
pub async fn get(address: &str, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    ask(address, &request).await
}

/// The status and body of `POST path` with a body of that type.
pub async fn post(address: &str, path: &str, kind: &str, body: &str) -> (u16, String) {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    ask(address, &request).await
}

async fn ask(address: &str, request: &str) -> (u16, String) {
    let answer = async {
        let mut socket = TcpStream::connect(address).await.expect("http answers");
        // A server may refuse a body before it has read all of it.
        let _ = socket.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        String::from_utf8(answer).expect("text")
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
