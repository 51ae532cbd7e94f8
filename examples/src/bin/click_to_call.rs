//! Click-to-call over HTTP: one request, and two phones ring and are connected.
//!
//! `POST /calls` rings the first phone. Once it is answered it hears ringing, while the second one
//! rings; then the two talk. The answer has the `id` of the call: `GET /calls/ID` says how far it is,
//! `DELETE /calls/ID` ends it at any moment: whatever rings stops ringing, whoever is up is hung up.
//! `uuid` is the Unique-ID of the first phone's leg, null until FreeSWITCH has made one. Errors are
//! JSON, in words: `{"error": "…"}`.
//!
//! ```text
//! cargo run -p genesis-cli -- sim
//! cargo run -p genesis-examples --bin click_to_call
//! curl --json '{"from": "user/1000", "to": "user/1001"}' http://127.0.0.1:8080/calls
//! curl http://127.0.0.1:8080/calls/ID
//! curl -X DELETE http://127.0.0.1:8080/calls/ID
//! ```
//!
//! Whoever reaches the port can call whatever the switch can call: before you listen elsewhere than
//! on loopback, put a login in front, and build the dial strings yourself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use genesis_channel::{Channel, ErrorKind, OriginateOptions, Origination};
use genesis_client::proto::HangupCause;
use genesis_client::proto::dial::DialString;
use genesis_client::{Client, Inbound, Reconnect};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// What the first phone hears while the second one rings.
const RINGBACK: &str = "tone_stream://%(2000,4000,440,480);loops=-1";
/// So many calls are known; those that ended make room for new ones.
const CALLS: usize = 1000;

/// Click-to-call over HTTP.
#[derive(Parser)]
struct Options {
    /// FreeSWITCH's event socket
    #[arg(long, default_value = "127.0.0.1:8021")]
    switch: String,
    /// Its password
    #[arg(
        long,
        env = "ESL_PASSWORD",
        default_value = "ClueCon",
        hide_env_values = true
    )]
    password: String,
    /// Where to listen for HTTP
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
}

/// What `POST /calls` takes: two dial strings.
#[derive(Deserialize)]
struct Wanted {
    from: String,
    to: String,
}

/// What is told of a call.
#[derive(Clone, Serialize)]
struct Call {
    /// Our own: a leg of `user/` gets its Unique-ID only when FreeSWITCH makes it.
    id: String,
    /// The Unique-ID of the first phone's leg, once it is known.
    uuid: Option<String>,
    from: String,
    to: String,
    #[serde(flatten)]
    state: Progress,
}

#[derive(Clone, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Progress {
    RingingFrom,
    RingingTo,
    Talking,
    Ended { why: String },
}

/// A call that was asked for: what is known of it, and the way to end it.
#[derive(Clone)]
struct Entry {
    call: watch::Receiver<Call>,
    hang_up: Arc<Notify>,
}

struct App {
    client: Client,
    calls: Mutex<HashMap<String, Entry>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    let client = Inbound::builder()
        .password(options.password)
        .reconnect(Reconnect::default())
        .connect(options.switch)
        .await?;
    let calls = Mutex::default();
    let router = Router::new()
        .route("/calls", post(make))
        .route("/calls/{id}", get(show).delete(end))
        .with_state(Arc::new(App { client, calls }));
    let listener = tokio::net::TcpListener::bind(options.listen).await?;
    println!("http://{}/calls", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn make(
    State(app): State<Arc<App>>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(Wanted { from, to }) = wanted?;
    // both before anything rings
    let (from_dial, to_dial) = (DialString::parse(&from)?, DialString::parse(&to)?);
    app.make_room()?;
    let ringing = Channel::originate_start(&app.client, from_dial, OriginateOptions::new()).await?;

    let call = Call {
        id: Uuid::new_v4().to_string(),
        uuid: ringing.uuids().into_iter().next(),
        from,
        to,
        state: Progress::RingingFrom,
    };
    let (progress, watched) = watch::channel(call.clone());
    let hang_up = Arc::new(Notify::new());
    app.calls().insert(
        call.id.clone(),
        Entry {
            call: watched,
            hang_up: hang_up.clone(),
        },
    );
    tokio::spawn(async move {
        let why = tokio::select! {
            ended = connect(ringing, to_dial, &progress) => match ended {
                Ok(why) => why.to_owned(),
                Err(error) => error.to_string(),
            },
            // dropping connect() ends whatever it has begun
            () = hang_up.notified() => "hung up on request".to_owned(),
        };
        progress.send_modify(|call| call.state = Progress::Ended { why });
    });
    Ok((StatusCode::ACCEPTED, Json(call)))
}

/// The call itself, up to its end. Gives why it ended.
async fn connect(
    ringing: Origination,
    to: DialString,
    call: &watch::Sender<Call>,
) -> genesis_channel::Result<&'static str> {
    let from = answered(ringing, call).await?;
    let from = from.hangup_on_drop(HangupCause::NormalClearing);
    from.playback(RINGBACK).await?;
    call.send_modify(|call| call.state = Progress::RingingTo);
    let to = tokio::select! {
        to = Channel::originate(from.client(), to, OriginateOptions::new()) => to?,
        // the second phone stops ringing
        ended = from.ended_with() => return ended.map(|_| "the first one hung up too early"),
    };
    let to = to.hangup_on_drop(HangupCause::NormalClearing);
    let bridge = from.bridge(&*to).await?;
    let bridge = bridge.connected(Duration::from_secs(5)).await?;
    call.send_modify(|call| call.state = Progress::Talking);
    match bridge.ended().await {
        Err(error) if !error.is_hung_up() => Err(error),
        _ => Ok("they have talked"),
    }
}

/// Waits until the first phone is answered, and tells its Unique-ID as soon as it has one.
async fn answered(
    mut ringing: Origination,
    call: &watch::Sender<Call>,
) -> genesis_channel::Result<Channel> {
    let mut farthest = ringing.progress();
    loop {
        let uuid = ringing.uuids().into_iter().next();
        call.send_modify(|call| call.uuid = uuid);
        let farther = ringing.progress_changed(farthest);
        tokio::select! {
            answered = ringing.answered() => {
                let from = answered?;
                let uuid = from.uuid().to_owned();
                call.send_modify(|call| call.uuid = Some(uuid));
                return Ok(from);
            }
            now = farther => farthest = now,
        }
    }
}

async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Call>, Problem> {
    let call = app.find(&id)?.call.borrow().clone();
    Ok(Json(call))
}

async fn end(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Call>, Problem> {
    let Entry { mut call, hang_up } = app.find(&id)?;
    hang_up.notify_one();
    let ended = call.wait_for(is_over).await;
    let ended =
        ended.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "it has failed"))?;
    Ok(Json(ended.clone()))
}

fn is_over(call: &Call) -> bool {
    matches!(call.state, Progress::Ended { .. })
}

impl App {
    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &str) -> Result<Entry, Problem> {
        let found = self.calls().get(id).cloned();
        found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, format!("there is no call {id}")))
    }

    fn make_room(&self) -> Result<(), Problem> {
        let mut calls = self.calls();
        if calls.len() >= CALLS {
            calls.retain(|_, entry| !is_over(&entry.call.borrow()));
        }
        if calls.len() >= CALLS {
            let text = format!("there are {CALLS} calls already: try again later");
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, text));
        }
        Ok(())
    }
}

/// An answer that says what went wrong, in words.
struct Problem(StatusCode, String);

impl Problem {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self(status, text.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(status, error) = self;
        (status, Json(serde_json::json!({ "error": error }))).into_response()
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<genesis_client::proto::Error> for Problem {
    fn from(error: genesis_client::proto::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<genesis_channel::Error> for Problem {
    fn from(error: genesis_channel::Error) -> Self {
        let status = match error.kind() {
            ErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
            ErrorKind::Disconnected(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, error.to_string())
    }
}
