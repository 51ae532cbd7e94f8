//! What others see of this program: spans and metrics to where the environment says, and for
//! commands that run long, metrics, health and readiness over HTTP.
//!
//! The commands that serve are those that run long with a switch: `events`, `logs`, `channels
//! --watch` ([`Command::serves`](crate::cli::Command::serves) names them). One that follows calls
//! [`Observed::follow`], one that takes calls [`Observed::listens`]. They share one rule: a port that was asked for by name must be free; the usual one may be taken,
//! by another `genesis` in the next window, and then there is a warning.

mod health;
mod options;
mod picture;
mod server;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use genesis_client::proto::EventName;
use genesis_client::{Client, Item, Subscription};
use genesis_otel::init::{Guard, Prometheus, Setup};
use tokio::task::JoinSet;

pub(crate) use self::options::Serve;
pub(crate) use self::picture::{Drawn, Picture};

use self::health::Health;
use self::options::{Address, Port};
use crate::exit::Failure;

/// Telemetry of this process; made before the runtime, ended in it.
pub(crate) struct Observability {
    guard: Option<Guard>,
    flush_within: Duration,
    listener: Option<TcpListener>,
}

impl Observability {
    /// Nothing is seen.
    pub(crate) fn off() -> Self {
        Self {
            guard: None,
            flush_within: Guard::FLUSH_WITHIN,
            listener: None,
        }
    }

    /// Installs what the environment asks for, and takes the port if this command serves. One that
    /// is `brief` does not wait long for a collector at its end.
    pub(crate) fn start(serve: Option<&Serve>, brief: bool) -> Result<Self, Failure> {
        let wrong = |error: genesis_otel::init::Error| Failure::usage(error.to_string());
        let mut setup = Setup::from_env()
            .map_err(wrong)?
            .service_version(env!("CARGO_PKG_VERSION"));
        let listener = match serve {
            Some(serve) => listen(&serve.address()?)?,
            None => None,
        };
        if listener.is_some() {
            setup = setup.prometheus();
        }
        // one that follows has log lines of many calls: their ids tell them apart
        if serve.is_some() {
            setup = setup.ids();
        }
        let guard = match setup.exports() || serve.is_some() {
            true => Some(setup.install().map_err(wrong)?),
            false => None,
        };
        let flush_within = match brief {
            true => Guard::FLUSH_BRIEFLY_WITHIN,
            false => Guard::FLUSH_WITHIN,
        };
        Ok(Self {
            guard,
            flush_within,
            listener,
        })
    }

    /// Begins to serve; to be called inside the runtime.
    pub(crate) fn serve(self) -> Result<Observed, Failure> {
        let mut observed = Observed {
            health: Arc::default(),
            serving: false,
            tasks: JoinSet::new().into(),
            guard: self.guard,
            flush_within: self.flush_within,
        };
        let metrics = observed.guard.as_ref().and_then(Guard::prometheus);
        if let (Some(listener), Some(metrics)) = (self.listener, metrics) {
            let cannot = |error| Failure::failed(format!("cannot serve metrics: {error}"));
            listener.set_nonblocking(true).map_err(cannot)?;
            let listener = tokio::net::TcpListener::from_std(listener).map_err(cannot)?;
            let state = server::State {
                metrics: Prometheus::clone(metrics),
                health: Arc::clone(&observed.health),
            };
            observed.serving = true;
            observed.spawn(server::serve(listener, state));
        }
        Ok(observed)
    }
}

/// Takes the port; `None` if nothing is to be served there.
fn listen(address: &Address) -> Result<Option<TcpListener>, Failure> {
    let Port::Number(number) = address.port else {
        return Ok(None);
    };
    let error = match TcpListener::bind((&*address.host, number)) {
        Ok(listener) => {
            if let (true, Ok(bound)) = (address.explicit, listener.local_addr()) {
                tracing::info!("metrics, health and readiness at http://{bound}/metrics");
            }
            return Ok(Some(listener));
        }
        Err(error) => error,
    };
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => "somebody else listens there".to_owned(),
        _ => error.to_string(),
    };
    let text = format!(
        "cannot serve metrics at {address}: {what}; give another with --metrics-port or \
         GENESIS_METRICS_PORT, or `off`"
    );
    if address.explicit {
        return Err(Failure::failed(text));
    }
    tracing::warn!("{text}");
    Ok(None)
}

/// Telemetry while a command runs.
pub(crate) struct Observed {
    guard: Option<Guard>,
    flush_within: Duration,
    health: Arc<Health>,
    serving: bool,
    /// They end with the command.
    tasks: std::sync::Mutex<JoinSet<()>>,
}

impl Observed {
    /// Says by the heartbeats of this connection how the command is doing, if anybody can ask.
    pub(crate) async fn follow(&self, client: &Client) -> Result<(), Failure> {
        if !self.serving {
            return Ok(());
        }
        let heartbeats = Subscription::new().event(EventName::Heartbeat);
        let mut heartbeats = client.subscribe(heartbeats).await?;
        let health = Arc::clone(&self.health);
        self.spawn(async move {
            while let Some(item) = heartbeats.next().await {
                if matches!(item, Item::Event(_)) {
                    health.beat();
                }
            }
        });
        Ok(())
    }

    /// Says that the command takes calls from now on: it is healthy and ready until its end.
    #[allow(dead_code, reason = "for commands that take calls")]
    pub(crate) fn listens(&self) {
        self.health.listens();
    }

    /// The command is not healthy while `broken` says that what it runs needs a restart.
    pub(crate) fn asks(&self, broken: impl Fn() -> bool + Send + Sync + 'static) {
        self.health.asks(broken);
    }

    /// Says that nothing new is taken from now on: the command is not ready any more.
    pub(crate) fn drains(&self) {
        self.health.drains();
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let tasks = self.tasks.lock();
        tasks
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .spawn(work);
    }

    /// Ends serving and hands over what was recorded, within a bound.
    pub(crate) async fn end(self) {
        let Self {
            guard,
            flush_within,
            tasks,
            ..
        } = self;
        drop(tasks);
        if let Some(guard) = guard
            && let Err(error) = guard.shutdown(flush_within).await
        {
            tracing::warn!("{error}");
        }
    }
}
