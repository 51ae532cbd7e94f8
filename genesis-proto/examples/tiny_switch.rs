//! A switch in a few lines: answers `auth` and `api`, and says goodbye. No runtime, one client at a
//! time.
//!
//! ```text
//! cargo run -p genesis-proto --example tiny_switch -- 127.0.0.1:8021
//! ```

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use genesis_proto::session::SwitchSession;
use genesis_proto::session::switch::{Goodbye, Verb};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8021".into());
    let listener = TcpListener::bind(&address)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        if let Err(error) = serve(stream?) {
            println!("a client left: {error}");
        }
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    let mut session = SwitchSession::new();
    session.auth_request();
    let mut authenticated = false;
    let mut chunk = [0; 4096];
    loop {
        stream.write_all(session.transmit())?;
        let sent = session.transmit().len();
        session.transmitted(sent);
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        session.receive(&chunk[..count]);
        while let Some(request) = session.poll_request()? {
            match request.verb() {
                Verb::Auth if request.argument() == "ClueCon" => {
                    authenticated = true;
                    session.command_reply("+OK accepted");
                }
                Verb::Auth => session.command_reply("-ERR invalid"),
                Verb::Exit => {
                    session.command_reply("+OK bye");
                    session.goodbye(Goodbye::Disconnected, None);
                    stream.write_all(session.transmit())?;
                    return Ok(());
                }
                Verb::Api if authenticated => {
                    let text = format!("you said: {}\n", request.argument());
                    session.api_response(text.as_bytes());
                }
                _ => session.command_reply("-ERR command not found"),
            }
        }
    }
}
