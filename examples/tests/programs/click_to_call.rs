//! Calls made, watched and ended over HTTP.

use std::time::Duration;

use genesis_sim::script::Script;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Program, Switch};

const CLICK_TO_CALL: &str = env!("CARGO_BIN_EXE_click_to_call");

struct Web {
    address: String,
    _program: Program,
}

impl Web {
    async fn start(switch: &Switch) -> Self {
        let address = switch.address();
        let arguments = ["--switch", &address, "--listen", "127.0.0.1:0"];
        let mut program = Program::start(CLICK_TO_CALL, &arguments);
        let line = program.line("http://").await;
        let address = line
            .trim_start_matches("http://")
            .trim_end_matches("/calls");
        Self {
            address: address.to_owned(),
            _program: program,
        }
    }

    /// The status and the JSON of an answer.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let answer = async {
            let mut stream = TcpStream::connect(&self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = timeout(Duration::from_secs(10), answer).await;
        let answer = answer.expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap())
    }

    async fn call(&self, from: &str, to: &str) -> String {
        let wanted = json!({ "from": from, "to": to }).to_string();
        let (status, call) = self.ask("POST", "/calls", &wanted).await;
        assert_eq!((status, &call["state"]), (202, &json!("ringing_from")));
        call["uuid"].as_str().unwrap().to_owned()
    }

    /// Asks until the call is in this state.
    async fn until(&self, uuid: &str, state: &str) -> Value {
        let asking = async {
            loop {
                let (_, call) = self.ask("GET", &format!("/calls/{uuid}"), "").await;
                if call["state"] == state {
                    return call;
                }
            }
        };
        let call = timeout(Duration::from_secs(10), asking).await;
        call.unwrap_or_else(|_| panic!("the call is never {state}"))
    }
}

#[tokio::test]
async fn two_phones_are_connected_and_hung_up_on_request() {
    let mut switch = Switch::start(Script::new()).await;
    let web = Web::start(&switch).await;
    let uuid = web
        .call("sim/answer?after=50ms", "sim/answer?after=51ms")
        .await;
    switch.event("CHANNEL_BRIDGE", "Unique-ID", &uuid).await;
    let call = web.until(&uuid, "talking").await;
    assert_eq!(call["to"], "sim/answer?after=51ms");
    let (status, call) = web.ask("DELETE", &format!("/calls/{uuid}"), "").await;
    assert_eq!((status, &call["why"]), (200, &json!("hung up on request")));
    switch.quiet().await;
    assert_eq!(web.until(&uuid, "ended").await, call);
}

#[tokio::test]
async fn a_call_that_rings_stops_ringing_on_request() {
    let mut switch = Switch::start(Script::new()).await;
    let web = Web::start(&switch).await;
    let uuid = web.call("sim/answer", "sim/no_answer").await;
    switch
        .event("CHANNEL_PROGRESS", "Channel-Name", "sim/no_answer")
        .await;
    web.until(&uuid, "ringing_to").await;
    let (status, _) = web.ask("DELETE", &format!("/calls/{uuid}"), "").await;
    assert_eq!(status, 200);
    switch.quiet().await;
}

#[tokio::test]
async fn why_a_call_ended_is_told() {
    let mut switch = Switch::start(Script::new()).await;
    let web = Web::start(&switch).await;
    for (from, to, why) in [
        (
            "sim/busy",
            "sim/answer",
            "sim/busy did not answer: USER_BUSY",
        ),
        (
            "sim/answer",
            "sim/reject",
            "sim/reject did not answer: CALL_REJECTED",
        ),
        (
            "sim/answer",
            "sim/answer?hangup_after=1s",
            "they have talked",
        ),
        (
            "sim/answer?hangup_after=1s",
            "sim/no_answer",
            "the first one hung up too early",
        ),
    ] {
        let uuid = web.call(from, to).await;
        let call = web.until(&uuid, "ended").await;
        assert_eq!(call["why"], why, "{from} {to}");
    }
    switch.quiet().await;
}

#[tokio::test]
async fn errors_are_json_in_words() {
    let switch = Switch::start(Script::new()).await;
    let web = Web::start(&switch).await;
    for (method, path, body, status, words) in [
        ("POST", "/calls", "{", 400, "EOF while parsing"),
        (
            "POST",
            "/calls",
            r#"{"from": "sim/answer"}"#,
            422,
            "missing field `to`",
        ),
        (
            "POST",
            "/calls",
            r#"{"from": "sim/answer", "to": "{a=b"}"#,
            400,
            "'{' has no '}' that closes it",
        ),
        ("GET", "/calls/nobody", "", 404, "there is no call nobody"),
        (
            "DELETE",
            "/calls/nobody",
            "",
            404,
            "there is no call nobody",
        ),
    ] {
        let (found, answer) = web.ask(method, path, body).await;
        let error = answer["error"].as_str().unwrap();
        assert_eq!(found, status, "{error}");
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(
        switch.sim.switch().session_count(),
        0,
        "nothing rings after an error"
    );
}
