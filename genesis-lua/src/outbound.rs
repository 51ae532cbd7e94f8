//! Calls: one state each.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use genesis_channel::Channel;
use genesis_client::Session;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::api::LuaSession;
use crate::app::{App, Kind, Live};
use crate::io;
use crate::modlua;
use crate::runtime::{Inner, Runtime, add};
use crate::state::{Role, Setup, State, Trouble};
use crate::workers::Label;

/// How long handlers of the hangup may take when the script has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How a script ended.
struct Ended {
    result: Result<(), Trouble>,
    callbacks_failed: u64,
    /// The first of them.
    callback_failed: Option<Trouble>,
}

impl Ended {
    fn failed(text: impl Into<String>) -> Self {
        Self {
            result: Err(Trouble::text(text)),
            callbacks_failed: 0,
            callback_failed: None,
        }
    }
}

impl Runtime {
    /// A handler for [`Outbound::serve`](genesis_client::Outbound::serve): each call runs the version
    /// of the application that `live` holds when it comes in, in a state of its own.
    ///
    /// A script that fails ends its own call: the error is logged with its traceback, and the call is
    /// hung up with [`Options::hangup_cause`](crate::Options::hangup_cause). That the caller has hung
    /// up while the script waited for something is no failure. When the script returns, the session
    /// is closed.
    pub fn outbound(
        &self,
        live: &Live,
    ) -> impl Fn(Session) -> BoxFuture<'static, genesis_client::Result<()>> + Clone + Send + Sync + 'static
    {
        let (runtime, live) = (self.0.clone(), live.clone());
        move |session| {
            let (runtime, app) = (runtime.clone(), live.current());
            Box::pin(async move {
                handle(&runtime, app, session).await;
                Ok(())
            })
        }
    }
}

async fn handle(runtime: &Arc<Inner>, app: App, session: Session) {
    let channel = match Channel::from_session(&session).await {
        Ok(channel) => channel,
        Err(error) => {
            tracing::warn!(target: "genesis_lua", %error, "a call ended before its script began");
            return;
        }
    };
    add(&runtime.counters.sessions, 1);
    let session = Arc::new(session);
    let ended = run(runtime, &app, session.clone(), channel.clone()).await;
    add(&runtime.counters.callbacks_failed, ended.callbacks_failed);
    // the span of the call tells of it; who serves the calls is not told
    let told = |trouble: &Trouble| {
        let observe = session.client().observe();
        observe.current_failed("script", &trouble.message, &trouble.traceback);
    };
    let trouble = match ended.result {
        Err(trouble) if !is_the_end(&trouble, &channel) => trouble,
        _ => {
            add(&runtime.counters.succeeded, 1);
            ended.callback_failed.iter().for_each(told);
            return;
        }
    };
    add(&runtime.counters.failed, 1);
    tracing::error!(
        target: "genesis_lua",
        app = app.name(),
        unique_id = session.uuid(),
        traceback = trouble.traceback,
        "a script failed: {}",
        trouble.message
    );
    told(&trouble);
    if let Some(cause) = &runtime.options.hangup_cause
        && !channel.is_over()
        && let Err(error) = channel.hangup(cause.clone()).await
    {
        tracing::debug!(target: "genesis_lua", %error, "the call of a failed script cannot be hung up");
    }
}

/// The script waited for something when the call ended.
fn is_the_end(trouble: &Trouble, channel: &Channel) -> bool {
    let failure = trouble.failure.as_ref();
    failure.is_some_and(|failure| {
        failure.kind == "exit"
            || (failure.is_hung_up() && channel.is_over())
            || (failure.is_disconnected() && channel.client().close_reason().is_some())
    })
}

/// Runs the script on a worker and its operations here. Dropping the future ends the script.
async fn run(runtime: &Arc<Inner>, app: &App, session: Arc<Session>, channel: Channel) -> Ended {
    let (remote, mut driver) = io::pair();
    let (mut ended, end) = oneshot::channel();
    let setup = Setup {
        code: app.code().clone(),
        limits: runtime.options.limits(),
        remote,
        shared: runtime.shared.clone(),
        role: Role::Outbound,
        client: Some(session.client().clone()),
        threads: 2,
    };
    let (kind, watched) = (app.kind(), session.clone());
    let label = Label {
        app: app.name().to_owned(),
        unique_id: Some(session.uuid().to_owned()),
    };
    let spawned = runtime.workers.spawn(label, move || {
        Box::pin(async move {
            let script = script(setup, kind, session, channel);
            let result = tokio::select! {
                biased;
                () = ended.closed() => return,
                result = script => result,
            };
            // who asked may have gone in this moment
            let _ = ended.send(result);
        })
    });
    let gone = || match runtime.workers.all_stuck() {
        true => {
            Ended::failed("no thread is left for the script: all are at scripts that do not end")
        }
        false => Ended::failed("the thread of the script has ended"),
    };
    if !spawned {
        return gone();
    }
    let grace = runtime.options.grace;
    let over = async {
        watched.closed().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = end => ended.unwrap_or_else(|_| gone()),
        () = driver.run() => gone(),
        () = over => Ended::failed(format!(
            "the script had not ended {grace:?} after its call and was stopped"
        )),
    }
}

/// On the worker: the state, from its making to its end.
async fn script(setup: Setup, kind: Kind, session: Arc<Session>, channel: Channel) -> Ended {
    let state = match State::new(setup) {
        Ok(state) => state,
        Err(error) => return Ended::failed(format!("a Lua state cannot be made: {error}")),
    };
    state.context.set_own(session.uuid());
    let object = LuaSession {
        session,
        channel: crate::api::channel_of(channel.clone()),
    };
    if kind == Kind::Script
        && let Err(error) = modlua::install(&state, &object)
    {
        return Ended::failed(error.to_string());
    }
    let mut main = state.run_main(object);
    let mut under_way = FuturesUnordered::new();
    let result = loop {
        tokio::select! {
            biased;
            ran = &mut main => break ran.map(drop),
            callback = state.called_back() => under_way.push(state.call_back(callback)),
            Some(()) = under_way.next() => {}
        }
    };
    // what has begun, and what is to be said at the hangup
    let rest = async {
        let ends = hangup_is_under_way(&state, &result, &channel).await;
        let mut hooks = state.context.hooks();
        loop {
            let ends = ends || state.context.is_ending() || is_over(&channel);
            if under_way.is_empty() && !(ends && *hooks.borrow_and_update() > 0) {
                break;
            }
            tokio::select! {
                biased;
                callback = state.called_back() => under_way.push(state.call_back(callback)),
                Some(()) = under_way.next() => {}
                Ok(()) = hooks.changed() => {}
            }
        }
        if ends {
            // that the connection is lost is an end, too
            let _ = channel.ended_with().await;
        }
    };
    if timeout(LAST_WORDS, rest).await.is_err() {
        let unique_id = channel.uuid();
        match is_over(&channel) {
            true => tracing::warn!(
                target: "genesis_lua", unique_id,
                "handlers of a script that has ended took longer than {LAST_WORDS:?}"
            ),
            false => tracing::warn!(
                target: "genesis_lua", unique_id,
                "the switch has not told the end of a call {LAST_WORDS:?} after its hangup; \
                 its hangup handlers do not run"
            ),
        }
    }
    Ended {
        result,
        callbacks_failed: state.context.failures(),
        callback_failed: state.context.first_failure(),
    }
}

fn is_over(channel: &Channel) -> bool {
    channel.is_over() || channel.client().close_reason().is_some()
}

/// The switch no longer knows the call, and has not told its end yet.
async fn hangup_is_under_way(
    state: &State,
    result: &Result<(), Trouble>,
    channel: &Channel,
) -> bool {
    let failure = result.as_ref().err();
    let failure = failure.and_then(|trouble| trouble.failure.as_ref());
    // it may be another channel that is not known
    if is_over(channel) || failure.is_none_or(|failure| failure.kind != "unknown_channel") {
        return false;
    }
    let client = channel.client().clone();
    let line = format!("uuid_exists {}", channel.uuid());
    let exists = state.context.remote().run(async move {
        let reply = client.api(&line).await;
        reply.is_ok_and(|reply| reply.text() == "false")
    });
    exists.await.unwrap_or(false)
}

#[cfg(test)]
mod tests;
