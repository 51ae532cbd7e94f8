//! The simulator as a whole.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use genesis_proto::Secret;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::faults::Faults;
use crate::listener::Context;
use crate::options::{ListenerOptions, User};
use crate::server::{self, Connector, IN_MEMORY, PipeListener};
use crate::switch::{Switch, SwitchOptions};

/// How long a shutdown waits for channels before connections get their notice.
const HANGUP_GRACE: Duration = Duration::from_secs(1);

/// A simulated FreeSWITCH: a [`Switch`] and its event socket. See the [crate](crate) for an
/// example.
///
/// Dropping it ends everything, with notices as far as they can be written at once;
/// [`shutdown`](Self::shutdown) does it in order.
pub struct Sim {
    switch: Switch,
    context: Option<Context>,
    faults: Faults,
    connector: Connector,
    addresses: Vec<SocketAddr>,
    accepting: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    ended: mpsc::Receiver<()>,
    pipe_size: usize,
}

impl Sim {
    /// A builder with the defaults of FreeSWITCH: password `ClueCon`, no TCP.
    pub fn builder() -> SimBuilder {
        SimBuilder::default()
    }

    /// The address that the first [`listen`](SimBuilder::listen) got; `None` without TCP.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.addresses.first().copied()
    }

    /// Connects a client in memory. Nothing of the operating system takes part, so this works
    /// with paused time. Must be called inside the runtime.
    pub fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(self.pipe_size);
        self.accept(ours);
        theirs
    }

    /// Serves a client on any stream, as if it had connected from 127.0.0.1.
    pub fn accept<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        if let Some(context) = &self.context {
            server::serve(stream, IN_MEMORY, context, &self.faults);
        }
    }

    /// Makes `address` (`app:8084`, any text without a space) lead to a server in memory: a channel
    /// that runs `socket app:8084 async full` connects to it.
    pub fn listen_in_memory(&self, address: &str) -> PipeListener {
        self.connector.listen(address)
    }

    /// The switch behind the event socket.
    pub fn switch(&self) -> &Switch {
        &self.switch
    }

    /// Faults on demand.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Shuts the switch down: calls end, then every connection gets the notice of a shutdown and
    /// is closed. Returns when all is over.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, the simulator is too.
    pub async fn shutdown(mut self) {
        for task in &self.accepting {
            task.abort();
        }
        let switch = self.switch.clone();
        let mut hangup = std::pin::pin!(switch.shutdown());
        // a client that lingers keeps its channel; it hears of the shutdown all the same
        let hung_up = tokio::time::timeout(HANGUP_GRACE, &mut hangup)
            .await
            .is_ok();
        self.stop.send_replace(true);
        self.context = None;
        self.connector.close();
        if !hung_up {
            hangup.await;
        }
        // nothing is ever sent: this is the end of the last connection
        let _ = self.ended.recv().await;
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        for task in &self.accepting {
            task.abort();
        }
        self.stop.send_replace(true);
        self.connector.close();
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim")
            .field("switch", &self.switch)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// Builds a [`Sim`].
#[derive(Clone, Debug)]
pub struct SimBuilder {
    listener: ListenerOptions,
    switch: SwitchOptions,
    listen: Vec<String>,
    pipe_size: usize,
}

impl Default for SimBuilder {
    fn default() -> Self {
        Self {
            listener: ListenerOptions::default(),
            switch: SwitchOptions::default(),
            listen: Vec::new(),
            pipe_size: 64 * 1024,
        }
    }
}

impl SimBuilder {
    /// The password of `auth`.
    #[must_use]
    pub fn password(mut self, password: impl Into<Secret>) -> Self {
        self.listener.password = password.into();
        self
    }

    /// Somebody who may `userauth`.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.listener.users.push(user);
        self
    }

    /// The access list refuses this address.
    #[must_use]
    pub fn refuse_address(mut self, address: IpAddr) -> Self {
        self.listener.refused_addresses.push(address);
        self
    }

    /// Listens on TCP as well, `127.0.0.1:0` for any free port. May be called again.
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        self.listen.push(address.to_owned());
        self
    }

    /// Changes the options of the event socket.
    #[must_use]
    pub fn listener(mut self, change: impl FnOnce(&mut ListenerOptions)) -> Self {
        change(&mut self.listener);
        self
    }

    /// Changes the options of the switch: its name, heartbeat, dialplan, who answers.
    #[must_use]
    pub fn switch(mut self, change: impl FnOnce(&mut SwitchOptions)) -> Self {
        change(&mut self.switch);
        self
    }

    /// How many bytes a connection in memory holds in each direction. Default 64 KiB.
    #[must_use]
    pub fn pipe_size(mut self, bytes: usize) -> Self {
        self.pipe_size = bytes.max(1);
        self
    }

    /// Starts the switch.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on. Without [`listen`](Self::listen) there is no error.
    ///
    /// # Cancel safety
    ///
    /// Nothing is left running when the future is dropped.
    pub async fn start(self) -> io::Result<Sim> {
        let mut listeners = Vec::new();
        for address in &self.listen {
            listeners.push(TcpListener::bind(address).await?);
        }
        let addresses = listeners
            .iter()
            .map(TcpListener::local_addr)
            .collect::<io::Result<_>>()?;
        let switch = Switch::new(self.switch);
        let (stop, shutdown) = watch::channel(false);
        let (alive, ended) = mpsc::channel(1);
        let options = Arc::new(self.listener);
        let context = Context {
            switch: switch.clone(),
            options,
            shutdown,
            alive,
        };
        let faults = Faults::default();
        let connector = Connector::new(context.clone(), faults.clone(), self.pipe_size);
        switch.set_outbound_connector(Arc::new(connector.clone()));
        let accepting = listeners
            .into_iter()
            .map(|tcp| tokio::spawn(server::accept(tcp, context.clone(), faults.clone())))
            .collect();
        Ok(Sim {
            switch,
            context: Some(context),
            faults,
            connector,
            addresses,
            accepting,
            stop,
            ended,
            pipe_size: self.pipe_size,
        })
    }
}
