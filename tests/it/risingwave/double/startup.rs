//! How does a connection begin: encryption, version, who it is, and what it is told?

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::net::TcpStream;

use super::Version;
use super::back::{Back, quoted};
use super::errors::{self, INTERNAL};
use super::session::Session;
use super::settings::Settings;
use super::wire::{self, Wire};
use super::world::{Listed, User, World, role};

const SSL_REQUEST: i32 = 80_877_103;
const GSSENC_REQUEST: i32 = 80_877_104;
const CANCEL_REQUEST: i32 = 80_877_102;
const PROTOCOL_3_0: i32 = 196_608;

/// What a client says of itself.
struct Hello {
    user: String,
    database: String,
    application: Option<String>,
    options: String,
}

/// Serves one connection to its end.
pub async fn welcome(socket: TcpStream, world: Arc<World>) {
    let mut wire = Wire::new(socket);
    loop {
        let Some(mut packet) = wire.packet().await else {
            return;
        };
        if packet.len() < 4 {
            return;
        }
        match packet.get_i32() {
            SSL_REQUEST | GSSENC_REQUEST => {
                wire.out.put_u8(b'N');
                wire.flush().await;
            }
            CANCEL_REQUEST => return cancel(&world, packet).await,
            PROTOCOL_3_0 => {
                let Some(hello) = hello(packet) else { return };
                if let Some(session) = log_in(wire, world, hello).await {
                    session.serve().await;
                }
                return;
            }
            _ => return,
        }
    }
}

/// The key is right when both its halves are the session's number.
async fn cancel(world: &World, mut packet: Bytes) {
    if packet.len() < 8 {
        return;
    }
    let (pid, secret) = (packet.get_i32(), packet.get_i32());
    let session = world
        .sessions
        .lock()
        .expect("the sessions")
        .get(&pid)
        .cloned();
    if let Some(session) = session.filter(|_| pid == secret) {
        session.cancel().await;
    }
}

/// The startup parameters. 2.8 hangs up where the last value is empty, and where there are none at all.
fn hello(mut packet: Bytes) -> Option<Hello> {
    let mut pairs = Vec::new();
    while packet.first().is_some_and(|byte| *byte != 0) {
        let name = wire::take_text(&mut packet)?;
        let value = wire::take_text(&mut packet)?;
        let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
        pairs.push((text(name), text(value)));
    }
    if pairs.last().is_none_or(|(_, value)| value.is_empty()) {
        return None;
    }
    let get = |name: &str| {
        pairs
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    };
    if get("user").is_none() && get("database").is_none() {
        return None;
    }
    Some(Hello {
        user: get("user").unwrap_or_else(|| "root".to_owned()),
        database: get("database").unwrap_or_else(|| "dev".to_owned()),
        application: get("application_name"),
        options: get("options").unwrap_or_default(),
    })
}

async fn log_in(mut wire: Wire, world: Arc<World>, hello: Hello) -> Option<Session> {
    let pid = world.next_pid();
    let refuse = |wire: &mut Wire, code: &str, text: &str| {
        let severity = if world.version == Version::V3 {
            "FATAL"
        } else {
            "ERROR"
        };
        errors::put_fields(&mut wire.out, b'E', severity, code, text);
    };
    let known = world
        .databases
        .lock()
        .expect("the databases")
        .contains(&hello.database);
    let user = world
        .users
        .lock()
        .expect("the users")
        .get(&hello.user)
        .cloned();
    let failure = match &user {
        _ if !known => Some((
            "3D000",
            format!("Catalog error: database not found: {}", hello.database),
        )),
        None => Some((
            INTERNAL,
            format!("Catalog error: Role {} does not exist", hello.user),
        )),
        Some(user) if !user.login => Some((
            INTERNAL,
            format!(
                "Permission denied: User {} is not allowed to login",
                hello.user
            ),
        )),
        Some(_) => None,
    };
    if let Some((code, why)) = failure {
        refuse(
            &mut wire,
            code,
            &format!("Failed to start a new session: {why}"),
        );
        wire.flush().await;
        return None;
    }
    let user = user?;
    if !password_is_right(&mut wire, &hello.user, &user).await? {
        refuse(&mut wire, INTERNAL, "Invalid password");
        wire.flush().await;
        return None;
    }
    let world = world.named(&hello.database);
    let mut session = open(wire, &world, pid, &hello).await?;
    if world.version == Version::V3
        && let Err(failure) = options(&mut session, &hello.options).await
    {
        refuse(&mut session.wire, INTERNAL, &failure);
        session.wire.flush().await;
        return None;
    }
    let out = &mut session.wire.out;
    wire::put(out, b'R', &0_i32.to_be_bytes());
    let mut told = vec![
        ("TimeZone", "UTC"),
        ("client_encoding", "UTF8"),
        ("standard_conforming_strings", "on"),
        ("server_version", "13.14.0"),
    ];
    if user.password.is_none() {
        wire::put(out, b'K', &[pid.to_be_bytes(), pid.to_be_bytes()].concat());
        told.extend(
            hello
                .application
                .as_deref()
                .map(|name| ("application_name", name)),
        );
    }
    for (name, value) in told {
        wire::put(out, b'S', format!("{name}\0{value}\0").as_bytes());
    }
    wire::put_ready(out, b'I');
    session.wire.flush().await;
    if let Some(name) = &hello.application {
        let _ = session.set("application_name", Some(name)).await;
    }
    Some(session)
}

/// Asks for a password where the user has one. `None` when the client has gone.
async fn password_is_right(wire: &mut Wire, name: &str, user: &User) -> Option<bool> {
    let Some(password) = &user.password else {
        return Some(true);
    };
    let salt: [u8; 4] = rand::random();
    let mut body = BytesMut::new();
    if user.cleartext {
        body.put_i32(3);
    } else {
        body.put_i32(5);
        body.put_slice(&salt);
    }
    wire::put(&mut wire.out, b'R', &body);
    wire.flush().await;
    let mut answer = wire.message().await?;
    let given = wire::take_text(&mut answer.body)?;
    let wanted = match user.cleartext {
        true => password.clone(),
        false => {
            postgres_protocol::authentication::md5_hash(name.as_bytes(), password.as_bytes(), salt)
        }
    };
    Some(answer.tag == b'p' && given == wanted.as_bytes())
}

/// The connection behind, made to look like RisingWave's own.
async fn open(wire: Wire, world: &Arc<World>, pid: i32, hello: &Hello) -> Option<Session> {
    let mut back = Back::open(&world.behind).await.ok()?;
    let own = format!(
        "{}; SET SESSION AUTHORIZATION \"{}\"; SET rw.pid = {pid}; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; \
         SET IntervalStyle = 'postgres'; SET search_path = \"$user\", public, rw_catalog, rw_fn, pg_catalog; \
         SET client_min_messages = error; SET plan_cache_mode = force_custom_plan; SET application_name = {}",
        role(&hello.user, false),
        hello.user,
        quoted("double"),
    );
    back.run(&own).await.ok()?;
    let (user, database) = (hello.user.clone(), world.database.clone());
    let listed = Listed::new(pid, user, wire.peer(), database, back.key);
    world
        .sessions
        .lock()
        .expect("the sessions")
        .insert(pid, Arc::clone(&listed));
    Some(Session::new(
        Arc::clone(world),
        wire,
        back,
        Settings::new(world.version),
        listed,
    ))
}

/// 3.0 reads `-c name=value` and `--name=value`; a name it does not know ends the login.
async fn options(session: &mut Session, options: &str) -> Result<(), String> {
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let pair = match word {
            "-c" => words.next().unwrap_or_default(),
            _ => word.trim_start_matches("-c").trim_start_matches("--"),
        };
        let (name, value) = pair
            .split_once('=')
            .ok_or("invalid command-line argument for server process")?;
        session
            .set(&name.replace('-', "_"), Some(value))
            .await
            .map_err(|failure| {
                format!(
                    "Failed to start a new session: {}",
                    failure.causes.join(": ")
                )
            })?;
    }
    Ok(())
}
