//! Calls made, watched and ended over HTTP.

use std::time::Duration;

use genesis_sim::script::{Destination, Script};
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
        let id = call["id"].as_str().unwrap();
        assert!(!id.is_empty(), "{call}");
        id.to_owned()
    }

    /// Asks until the call is in this state.
    async fn until(&self, id: &str, state: &str) -> Value {
        let asking = async {
            loop {
                let (_, call) = self.ask("GET", &format!("/calls/{id}"), "").await;
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
    let id = web
        .call("sim/answer?after=50ms", "sim/answer?after=51ms")
        .await;
    let call = web.until(&id, "talking").await;
    let uuid = call["uuid"].as_str().unwrap();
    switch.event("CHANNEL_BRIDGE", "Unique-ID", uuid).await;
    assert_eq!(call["to"], "sim/answer?after=51ms");
    let (status, call) = web.ask("DELETE", &format!("/calls/{id}"), "").await;
    assert_eq!((status, &call["why"]), (200, &json!("hung up on request")));
    switch.quiet().await;
    assert_eq!(web.until(&id, "ended").await, call);
}

/// FreeSWITCH chooses the Unique-ID of a leg of `user/`.
#[tokio::test]
async fn calls_from_users_are_told_apart_before_their_legs_are_known() {
    let ring = Duration::from_secs(1);
    let script = Script::new().destination("user/*", Destination::answer_after(ring));
    let mut switch = Switch::start(script).await;
    let web = Web::start(&switch).await;
    let wanted = json!({ "from": "user/1000", "to": "user/1001" }).to_string();
    let (status, asked) = web.ask("POST", "/calls", &wanted).await;
    assert_eq!(status, 202);
    // known before the answer, and the same after it
    let rings = async {
        loop {
            let (_, call) = web.ask("GET", &path(&asked), "").await;
            assert_eq!(
                (&call["id"], &call["to"]),
                (&asked["id"], &json!("user/1001"))
            );
            assert_eq!(call["state"], "ringing_from");
            if call["uuid"].is_string() {
                return call;
            }
        }
    };
    let rings = timeout(Duration::from_secs(10), rings).await.unwrap();
    let uuid = rings["uuid"].as_str().unwrap();
    assert!(switch.sim.switch().has_channel(uuid));

    let other = web.call("user/1002", "user/1003").await;
    assert_ne!(asked["id"], json!(other));
    let talking = web.until(asked["id"].as_str().unwrap(), "talking").await;
    assert_eq!(talking["uuid"], rings["uuid"]);
    switch.event("CHANNEL_BRIDGE", "Unique-ID", uuid).await;
    let (status, ended) = web.ask("DELETE", &path(&asked), "").await;
    assert_eq!((status, &ended["state"]), (200, &json!("ended")));
    // the other one goes on
    let talking = web.until(&other, "talking").await;
    assert_eq!(talking["from"], "user/1002");
    assert_eq!(web.ask("DELETE", &path(&talking), "").await.0, 200);
    switch.quiet().await;
}

fn path(call: &Value) -> String {
    format!("/calls/{}", call["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_call_that_rings_stops_ringing_on_request() {
    let mut switch = Switch::start(Script::new()).await;
    let web = Web::start(&switch).await;
    let id = web.call("sim/answer", "sim/no_answer").await;
    switch
        .event("CHANNEL_PROGRESS", "Channel-Name", "sim/no_answer")
        .await;
    web.until(&id, "ringing_to").await;
    let (status, _) = web.ask("DELETE", &format!("/calls/{id}"), "").await;
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
        let id = web.call(from, to).await;
        let call = web.until(&id, "ended").await;
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
