//! A whole session: a client, the router and a server that knows three answers, on one thread over Unix sockets.
//!
//! Client and server do as little as they can, so that what is counted is the router, its runtime and the system calls' wrappers.

use std::path::Path;

use tidegate::config;
use tidegate::serve::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::{Case, measured};

pub const CASES: [Case; 4] = [
    ("session-simple", |rounds| {
        run(rounds, &[], &[&message(b'Q', TEXT)]);
    }),
    ("session-extended", |rounds| {
        let parse = message(
            b'P',
            b"\0SELECT abalance FROM accounts WHERE aid = $1\0\0\0",
        );
        run(rounds, &[], &[&[parse, bound(b"")].concat()]);
    }),
    ("session-prepared", |rounds| {
        let parse = message(
            b'P',
            b"s1\0SELECT abalance FROM accounts WHERE aid = $1\0\0\0",
        );
        let prepare = [parse, message(b'S', b"")].concat();
        run(rounds, &[&prepare], &[&bound(b"s1")]);
    }),
    ("session-transaction", |rounds| {
        let statements = [b"BEGIN\0", TEXT, b"COMMIT\0"].map(|text| message(b'Q', text));
        run(rounds, &[], &statements.each_ref().map(Vec::as_slice));
    }),
];

const TEXT: &[u8] = b"SELECT abalance FROM accounts WHERE aid = 4711;\0";
const COLUMNS: &[u8] = b"\0\x01abalance\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
const ROW: &[u8] = b"\0\x01\0\0\0\x02-7";

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("messages are short");
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// Bind, Describe, Execute and Sync, as pgbench sends them.
fn bound(statement: &[u8]) -> Vec<u8> {
    let names = [b"\0", statement, b"\0\0\0\0\x01\0\0\0\x044711\0\0"].concat();
    [
        message(b'B', &names),
        message(b'D', b"P\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'S', b""),
    ]
    .concat()
}

/// Has the router serve `first` once, and `round` so many times and once more.
fn run(rounds: usize, first: &[&[u8]], round: &[&[u8]]) {
    let folder = std::env::temp_dir().join(format!("tidegate-count-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a temporary folder can be made");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let (_router, mut client) = runtime.block_on(async {
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).expect("it can listen");
        tokio::spawn(serve(listener));
        let router = Router::start(configuration(&folder)).await;
        let router = router.expect("the router starts");
        let mut client = log_in(&folder.join("router")).await;
        for text in first.iter().chain(round) {
            ask(&mut client, text).await;
        }
        (router, client)
    });
    measured(&mut || {
        runtime.block_on(async {
            for _ in 0..rounds {
                for text in round {
                    ask(&mut client, text).await;
                }
            }
        });
    });
    drop(runtime);
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
}

fn configuration(folder: &Path) -> config::Config {
    let at = folder.display();
    let text = format!(
        "listen: unix:{at}/router\n\
         backends:\n\
         \x20 oltp: {{ engine: postgres, url: 'postgres://app@/app?host={at}' }}\n\
         \x20 analytic: {{ engine: postgres, url: 'postgres://app@/app?host={at}' }}\n\
         default: oltp\n\
         discover: off\n\
         routes: [ {{ relations: [orders], to: analytic }} ]\n"
    );
    let loaded = config::parse("router.yaml", &text, &|_| None, &|_| Ok(String::new()));
    loaded.expect("the file is right").config
}

async fn log_in(path: &Path) -> UnixStream {
    let mut client = UnixStream::connect(path).await.expect("the router listens");
    let body = b"\0\x03\0\0user\0app\0database\0app\0\0";
    let length = u32::try_from(body.len() + 4).expect("it is short");
    ask(&mut client, &[&length.to_be_bytes()[..], body].concat()).await;
    client
}

/// Sends something and reads up to the ReadyForQuery.
async fn ask(client: &mut UnixStream, text: &[u8]) {
    client.write_all(text).await.expect("the router reads");
    let mut answer = [0; 4096];
    let mut read = 0;
    while answer[..read]
        .last_chunk::<6>()
        .is_none_or(|end| end[..5] != *b"Z\0\0\0\x05")
    {
        let more = client.read(&mut answer[read..]).await.expect("it answers");
        assert!(more > 0, "{}", String::from_utf8_lossy(&answer[..read]));
        read += more;
    }
    assert!(
        !answer[..read].starts_with(b"E"),
        "{}",
        String::from_utf8_lossy(&answer[..read])
    );
}

/// A server that lets everybody in.
async fn serve(listener: UnixListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream));
    }
}

async fn answer(mut stream: UnixStream) {
    let (mut asked, mut said) = ([0; 4096], Vec::new());
    let Ok(1..) = stream.read(&mut asked).await else {
        return;
    };
    said.extend(message(b'R', &[0; 4]));
    for status in [
        &b"server_version\x0015.0\0"[..],
        b"client_encoding\0UTF8\0",
        b"standard_conforming_strings\0on\0",
    ] {
        said.extend(message(b'S', status));
    }
    said.extend(message(b'K', &[0, 0, 0, 1, 0, 0, 0, 1]));
    said.extend(message(b'Z', b"I"));
    let mut status = b"I";
    loop {
        if stream.write_all(&said).await.is_err() {
            return;
        }
        said.clear();
        let Ok(read @ 1..) = stream.read(&mut asked).await else {
            return;
        };
        let mut rest = &asked[..read];
        while let [tag, a, b, c, d, ..] = *rest {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let body = &rest[5..=length];
            match tag {
                b'Q' => {
                    let word = body.first().copied().unwrap_or_default();
                    status = match word {
                        b'B' => b"T",
                        b'C' => b"I",
                        _ => status,
                    };
                    if word == b'S' {
                        put(&mut said, b'T', COLUMNS);
                        put(&mut said, b'D', ROW);
                    }
                    put(&mut said, b'C', b"DONE\0");
                    put(&mut said, b'Z', status);
                }
                b'P' => put(&mut said, b'1', b""),
                b'B' => put(&mut said, b'2', b""),
                b'C' => put(&mut said, b'3', b""),
                b'D' => put(&mut said, b'T', COLUMNS),
                b'E' => {
                    put(&mut said, b'D', ROW);
                    put(&mut said, b'C', b"SELECT 1\0");
                }
                b'S' => put(&mut said, b'Z', status),
                _ => {}
            }
            rest = &rest[length + 1..];
        }
    }
}

fn put(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    #[expect(clippy::cast_possible_truncation, reason = "messages are short")]
    let length = body.len() as u32 + 4;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(body);
}
