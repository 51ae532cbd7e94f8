//! What a connection holds when it has nothing to do.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::alloc::System;

use genesis_client::{Client, EventStream, Inbound, Subscription};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CONNECTIONS: usize = 50;
const EVENTS: usize = 500;

fn heap() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Answers what is asked, then plays a burst.
async fn switch(mut stream: TcpStream) -> TcpStream {
    let answers = [
        "Content-Type: auth/request\n\n",
        "Content-Type: command/reply\nReply-Text: +OK accepted\n\n",
        "Content-Type: command/reply\nReply-Text: +OK event listener enabled plain\n\n",
        "Content-Type: command/reply\nReply-Text: +OK event listener enabled plain\n\n",
    ];
    for answer in answers {
        stream.write_all(answer.as_bytes()).await.unwrap();
        if answer != answers[3] {
            let mut command = [0; 256];
            assert!(stream.read(&mut command).await.unwrap() > 0);
        }
    }
    let document = format!("Event-Name: DTMF\nX: {}\n\n", "x".repeat(2000));
    let event = format!(
        "Content-Length: {}\nContent-Type: text/event-plain\n\n{document}",
        document.len()
    );
    for _ in 0..EVENTS {
        stream.write_all(event.as_bytes()).await.unwrap();
    }
    stream
}

async fn connection(listener: &TcpListener) -> (Client, EventStream, TcpStream) {
    let address = listener.local_addr().unwrap().to_string();
    let theirs = async { switch(listener.accept().await.unwrap().0).await };
    let ours = async {
        let client = Inbound::builder().connect(address).await.unwrap();
        let mut events = client.subscribe(Subscription::all()).await.unwrap();
        for _ in 0..EVENTS {
            assert!(events.next_event().await.is_some());
        }
        (client, events)
    };
    let ((client, events), theirs) = tokio::join!(ours, theirs);
    (client, events, theirs)
}

#[tokio::test]
async fn lesson_33_an_idle_connection_holds_little_after_a_burst() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let warm = connection(&listener).await;
    let before = heap();
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(connection(&listener).await);
    }
    let each = (heap() - before) / CONNECTIONS;
    // the switch's end, in the same process, is in it
    assert!(each < 32 * 1024, "{each} bytes of heap per idle connection");
    drop(warm);
}
