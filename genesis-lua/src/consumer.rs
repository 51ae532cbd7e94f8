//! Events: one state for all of them.

mod answers;
mod serve;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use genesis_client::observe::carrier;
use genesis_client::proto::Event;
use genesis_client::proto::session::CloseReason;
use genesis_client::{
    Client, Consumer, ConsumerStats, HandlerResult, HeaderFilter, Missed, RunningConsumer,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::api::Wanted;
use crate::api::told::{self, Told};
use crate::app::{App, Kind};
use crate::error::{Error, ErrorKind, Result, handler_error};
use crate::io;
use crate::runtime::{Inner, Runtime, add};
use crate::state::{Role, Setup};
use crate::workers::Label;
use serve::{Hop, serve};

/// What a handler is for, as the file registered it.
struct Wish {
    wanted: Wanted,
    filters: Vec<HeaderFilter>,
}

/// What the file wants, once it has run.
struct Wanting {
    wishes: Vec<Wish>,
    told: Told,
}

/// A consumer's application, not started yet.
#[derive(Debug)]
#[must_use = "nothing is handled before start"]
pub struct LuaConsumer {
    runtime: Runtime,
    app: App,
    client: Client,
}

impl Runtime {
    /// The application as a consumer of this connection's events.
    ///
    /// ```no_run
    /// use genesis_client::Inbound;
    /// use genesis_lua::{App, Options, Runtime};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Inbound::builder().password("ClueCon").connect("127.0.0.1:8021").await?;
    /// let runtime = Runtime::new(Options::default(), tokio::runtime::Handle::current())?;
    /// let app = App::load("click_to_call.lua")?;
    /// let running = runtime.consumer(&app, client).start().await?;
    /// println!("the connection ended: {}", running.wait().await);
    /// # Ok(())
    /// # }
    /// ```
    pub fn consumer(&self, app: &App, client: Client) -> LuaConsumer {
        LuaConsumer {
            runtime: self.clone(),
            app: app.clone(),
            client,
        }
    }
}

impl LuaConsumer {
    /// Runs the file, subscribes to what its handlers want, and starts. Events of one channel are
    /// handled one after the other; a handler that pauses lets those of other channels run.
    ///
    /// # Errors
    ///
    /// The application is no consumer, its file fails or registers no handler, or the switch refuses an
    /// event.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing runs.
    pub async fn start(self) -> Result<RunningLuaConsumer> {
        let (runtime, client) = (self.runtime.0, self.client);
        let version = Version::start(&runtime, &self.app, &client, None).await?;
        Ok(RunningLuaConsumer {
            runtime,
            client,
            version,
            before: JoinSet::new(),
        })
    }
}

/// A consumer's application at work. Dropping it stops it at once.
#[must_use = "dropping it stops the consumer"]
pub struct RunningLuaConsumer {
    runtime: Arc<Inner>,
    client: Client,
    version: Version,
    /// Versions before, which finish what they have begun.
    before: JoinSet<()>,
}

impl RunningLuaConsumer {
    /// Counters of the version that runs now.
    pub fn stats(&self) -> ConsumerStats {
        self.version.consumer.stats()
    }

    /// Runs another version from now on: it gets the events that come, the one before handles those
    /// that it has got. Between two events one takes the place of the other, so that each is handled by
    /// exactly one of them. An event of a channel does not wait for what the version before does with an
    /// earlier one of it.
    ///
    /// # Errors
    ///
    /// As [`LuaConsumer::start`]; the version before runs on then.
    ///
    /// # Cancel safety
    ///
    /// Safe: the version before runs on.
    pub async fn reload(&mut self, app: &App) -> Result<()> {
        let before = Some(&self.version.consumer);
        let next = Version::start(&self.runtime, app, &self.client, before).await?;
        let before = std::mem::replace(&mut self.version, next);
        while self.before.try_join_next().is_some() {}
        self.before.spawn(async move {
            before.stop().await;
        });
        Ok(())
    }

    /// Takes the subscriptions back, lets handlers finish within
    /// [`Options::drain`](crate::Options::drain), and gives the last counters.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the consumer at once.
    pub async fn stop(mut self) -> ConsumerStats {
        let stats = self.version.stop().await;
        while self.before.join_next().await.is_some() {}
        stats
    }

    /// Waits until the connection has ended for good and what had come is handled.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn wait(&self) -> CloseReason {
        self.version.consumer.wait().await
    }
}

impl fmt::Debug for RunningLuaConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningLuaConsumer")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// One version of the application with its state and its subscription.
struct Version {
    consumer: RunningConsumer,
    operations: Operations,
}

/// The task that runs what the script asks for; aborted when dropped.
struct Operations(JoinHandle<()>);

impl Drop for Operations {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Version {
    async fn start(
        runtime: &Arc<Inner>,
        app: &App,
        client: &Client,
        before: Option<&RunningConsumer>,
    ) -> Result<Self> {
        if app.kind() != Kind::Consumer {
            let text = format!("{} is {}, and no consumer", app.name(), app.kind());
            return Err(Error::new(ErrorKind::WrongKind, text));
        }
        let (remote, mut driver) = io::pair();
        // ends with the last handler of the consumer
        let (hops, queue) = mpsc::unbounded_channel();
        let (answers, answered) = answers::channel();
        let (ready, loaded) = oneshot::channel();
        let setup = Setup {
            code: app.code().clone(),
            limits: runtime.options.limits(),
            remote,
            shared: runtime.shared.clone(),
            role: Role::Consumer,
            client: Some(client.clone()),
            threads: 256,
        };
        let label = Label {
            app: app.name().to_owned(),
            unique_id: None,
        };
        let spawned = runtime
            .workers
            .spawn(label, move || Box::pin(serve(setup, queue, answers, ready)));
        let operations = Operations(tokio::spawn(async move {
            tokio::join!(driver.run(), answers::deliver(answered));
        }));
        let gone = || Error::new(ErrorKind::Runtime, "the thread of the script has ended");
        if !spawned {
            return Err(gone());
        }
        let wanted = loaded.await.map_err(|_| gone())?.map_err(Error::script)?;
        if wanted.wishes.is_empty() {
            let text = format!(
                "{}: registers no handler: app:handle(\"CHANNEL_ANSWER\", function(event) … end)",
                app.code().main_path().display()
            );
            return Err(Error::new(ErrorKind::NothingDefined, text));
        }
        let mut consumer = Consumer::new(client.clone())
            .handler_timeout(runtime.options.handler_timeout)
            .handlers_at_work(runtime.options.handlers_at_work)
            .drain_timeout(runtime.options.drain);
        consumer = tells(consumer, wanted.told);
        for (handler, wish) in wanted.wishes.into_iter().enumerate() {
            let sender = Sender {
                handler,
                hops: hops.clone(),
                runtime: runtime.clone(),
            };
            let call = move |event| sender.call(event);
            consumer = match wish.wanted {
                Wanted::All => consumer.on_all_filtered(wish.filters, call),
                Wanted::Name(name) => consumer.on_filtered(name, wish.filters, call),
                Wanted::Subclass(name) => consumer.on_subclass_filtered(name, wish.filters, call),
            };
        }
        let consumer = match before {
            Some(before) => consumer.take_over(before).await?,
            None => consumer.start().await?,
        };
        Ok(Self {
            consumer,
            operations,
        })
    }

    async fn stop(self) -> ConsumerStats {
        let stats = self.consumer.stop().await;
        drop(self.operations);
        stats
    }
}

/// Tells the script what it asked to be told besides its events.
fn tells(consumer: Consumer, told: Told) -> Consumer {
    let Told { gap, error } = told;
    let consumer = consumer.on_gap(move |missed: Missed| {
        tracing::warn!(target: "genesis_lua", "events were missed: {missed}");
        let call = gap.as_ref().map(|gap| gap.with(told::missed(missed)));
        async move {
            if let Some(call) = call {
                call.await;
            }
        }
    });
    match error {
        Some(error) => consumer.on_error(move |failure| error.with(told::failed(failure))),
        None => consumer,
    }
}

/// Sends events to the script's thread.
struct Sender {
    handler: usize,
    hops: mpsc::UnboundedSender<Hop>,
    runtime: Arc<Inner>,
}

impl Sender {
    /// What may wait is bounded by the handlers at work.
    fn call(&self, event: Event) -> impl Future<Output = HandlerResult> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let hop = Hop {
            handler: self.handler,
            event,
            answer,
            carrier: carrier(),
        };
        let sent = self.hops.send(hop).map(|()| answered);
        let runtime = self.runtime.clone();
        async move {
            let answered = match sent {
                Ok(answered) => answered.await,
                Err(_) => return Err("the thread of the script has ended".into()),
            };
            add(&runtime.counters.events, 1);
            match answered {
                Ok(Ok(())) => Ok(()),
                Ok(Err(trouble)) => {
                    add(&runtime.counters.handlers_failed, 1);
                    Err(handler_error(*trouble).into())
                }
                Err(_) => Err("the script has ended".into()),
            }
        }
    }
}
