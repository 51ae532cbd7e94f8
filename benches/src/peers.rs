//! The other libraries.
//!
//! `eslrs` can parse a plain event out of memory (`EventFormat::try_from_raw`); its framing is
//! private, so in memory the raw loop's stands in for it. It splits lines into a map and does not
//! url-decode. The parsers of `freeswitch-esl-tokio` and `freeswitch-esl` are private: both are
//! measured over TCP. `freeswitch-esl` reads events in JSON only, for its own use: it parses them
//! and hands none to its user.

use std::hint::black_box;
use std::net::SocketAddr;

use bytes::Bytes;
use eslrs::event::{EventFormat, PlainEvent};
use freeswitch_esl_tokio::{EslClient, EslConnectOptions, EslEventStream};

use crate::Failure;
use crate::measure::{Heap, Meter};
use crate::tcp::TIMES;

/// Splits one event with `eslrs`.
pub fn eslrs_plain(document: &[u8]) {
    let document = Bytes::copy_from_slice(document);
    let Ok(event) = PlainEvent::try_from_raw(&document);
    black_box(event.get_header("Event-Name"));
}

/// Receives the burst with `eslrs`.
///
/// # Errors
///
/// When the connection fails.
pub async fn eslrs(address: SocketAddr, heap: Heap) -> Result<(Meter, u64), Failure> {
    let mut connection = eslrs::Inbound::connect(address, "ClueCon")
        .await
        .map_err(|error| format!("eslrs: {error}"))?;
    connection.send_recv("event plain ALL").await?;
    let meter = Meter::start(heap);
    let play = format!("api play plain {TIMES} close");
    connection.send_recv(play.as_str()).await?;
    let mut received = 0;
    while let Ok(event) = connection.recv().await {
        let Ok(event) = PlainEvent::try_from(event);
        black_box(event.get_header("Event-Name"));
        received += 1;
    }
    Ok((meter, received))
}

async fn esl_tokio_client(
    address: SocketAddr,
    options: EslConnectOptions,
) -> Result<(EslClient, EslEventStream), Failure> {
    let host = address.ip().to_string();
    Ok(EslClient::connect_with_options(&host, address.port(), "ClueCon", options).await?)
}

/// Receives the burst with `freeswitch-esl-tokio`, which decodes every header of every event.
///
/// # Errors
///
/// When the connection fails.
pub async fn esl_tokio(
    address: SocketAddr,
    options: EslConnectOptions,
    heap: Heap,
) -> Result<(Meter, u64), Failure> {
    let (client, mut events) = esl_tokio_client(address, options).await?;
    client
        .subscribe_all_events(freeswitch_esl_tokio::EventFormat::Plain)
        .await?;
    let meter = Meter::start(heap);
    client
        .api(&format!("play plain {TIMES} close"))
        .await?
        .api_result()?;
    let mut received = 0;
    while let Some(event) = events.recv().await {
        // an error says that its queue was full
        if let Ok(event) = event {
            for header in event.headers() {
                black_box(header);
            }
            received += 1;
        }
    }
    Ok((meter, received))
}

/// Sends commands one after the other with `freeswitch-esl-tokio`.
///
/// # Errors
///
/// When the connection fails.
pub async fn esl_tokio_commands(
    address: SocketAddr,
    heap: Heap,
    commands: u64,
) -> Result<Meter, Failure> {
    let (client, _events) = esl_tokio_client(address, EslConnectOptions::new()).await?;
    let meter = Meter::start(heap);
    for _ in 0..commands {
        client.api("echo hello").await?.api_result()?;
    }
    Ok(meter)
}

/// Lets `freeswitch-esl` read the burst in JSON; the answer to the last command comes after it.
///
/// # Errors
///
/// When the connection fails.
pub async fn freeswitch_esl(address: SocketAddr, heap: Heap) -> Result<Meter, Failure> {
    let connection = freeswitch_esl::Esl::inbound(address, "ClueCon").await?;
    let meter = Meter::start(heap);
    connection
        .send_recv(format!("api play json {TIMES}").as_bytes())
        .await?;
    connection.send_recv(b"api echo done").await?;
    Ok(meter)
}
