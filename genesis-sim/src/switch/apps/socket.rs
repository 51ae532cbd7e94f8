//! The `socket` application: an outbound connection to a server of the event socket.

use genesis_proto::name::{HangupCause, LogLevel};
use tokio::sync::watch;

use super::After;
use super::call::park_while;
use crate::switch::outbound::{OutboundEnd, OutboundRequest};
use crate::switch::session::Session;
use crate::switch::wait::{Stop, Wait};

/// `socket host:port[|host:port…] [async] [full]` (mod_event_socket.c, `socket_function`).
///
/// Async: the channel is parked and the connection is served beside it; when the client goes
/// away the call is hung up, unless it sent `resume`, set `socket_resume` or transferred it. Sync:
/// the channel does what the client says, one after the other, and goes on with its dialplan at the
/// end.
pub(super) async fn socket(session: &Session, arg: &str) -> After {
    let mut words = arg.split_whitespace();
    let addresses = words.next().unwrap_or_default().to_owned();
    let flags: Vec<String> = words.map(str::to_ascii_lowercase).collect();
    let asynchronous = flags.iter().any(|flag| flag == "async");
    let full = flags.iter().any(|flag| flag == "full");
    let Some(ended) = connect(session, &addresses, asynchronous, full).await else {
        let text = "Socket Error!";
        session
            .switch
            .log(LogLevel::Err, Some(&session.channel.uuid), text);
        return After::Continue;
    };
    if !asynchronous {
        serve_in_turn(session, ended).await;
        return After::Continue;
    }
    let over = || ended.has_changed().is_err() || ended.borrow().is_some();
    park_while(session, Wait::new(None).until(&over)).await;
    // a channel that was transferred goes there, though the client has gone by now
    let end = if over() && !session.interrupted() {
        Some(ended.borrow().unwrap_or_default())
    } else {
        None
    };
    match end {
        Some(end) if !end.resume && !session.channel.flag("socket_resume") => {
            After::Hangup(HangupCause::NormalClearing)
        }
        _ => After::Continue,
    }
}

type Ended = watch::Receiver<Option<OutboundEnd>>;

/// Connects to the first address that accepts and serves it on a task of its own, which may
/// outlive the call.
async fn connect(
    session: &Session,
    addresses: &str,
    asynchronous: bool,
    full: bool,
) -> Option<Ended> {
    let connector = session.switch.connector()?;
    for address in addresses.split('|').filter(|address| !address.is_empty()) {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        session.channel.set_variable("socket_host", host);
        let uuid = session.channel.uuid.clone();
        let request = OutboundRequest {
            address: address.to_owned(),
            asynchronous,
            full,
            uuid,
        };
        match connector.connect(request).await {
            Ok(serving) => {
                let (sender, receiver) = watch::channel(None);
                let guard = session.channel.serve();
                tokio::spawn(async move {
                    // Dropped last, even by a panic: it wakes the application.
                    let _guard = guard;
                    let sender = sender;
                    let end = serving.await;
                    sender.send_replace(Some(end));
                });
                return Some(receiver);
            }
            Err(error) => {
                let text = format!("Socket Error! {address}: {error}");
                session
                    .switch
                    .log(LogLevel::Warning, Some(&session.channel.uuid), &text);
            }
        }
    }
    None
}

/// Carries out what the client says. When the call is over it stays until the client goes, as
/// the channel's own thread serves the connection.
async fn serve_in_turn(session: &Session, ended: Ended) {
    let over = || ended.has_changed().is_err() || ended.borrow().is_some();
    let mut wait = Wait::new(None).only_sync().until(&over);
    while !matches!(
        session.wait(&mut wait).await,
        Stop::Interrupted | Stop::Watched
    ) {}
    let mut changes = session.channel.changes();
    while session.channel.is_down() && !over() {
        while let Some(queued) = session.take_message(true) {
            session.carry_out(queued).await;
        }
        // The sender lives in the channel, so this cannot fail.
        let _ = changes.changed().await;
    }
}
