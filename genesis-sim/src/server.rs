//! Where connections come from: TCP, pipes in memory, and the `socket` application.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::faults::Faults;
use crate::listener::{self, Context};
use crate::switch::{Connecting, OutboundConnector, OutboundRequest, Serving};

/// Accepts TCP connections until the task is aborted.
pub(crate) async fn accept(listener: TcpListener, context: Context, faults: Faults) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                serve(stream, peer.ip(), &context, &faults);
            }
            Err(error) => {
                // out of file descriptors, most likely: give others time to end
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves one inbound connection on a task of its own.
pub(crate) fn serve<S>(stream: S, peer: IpAddr, context: &Context, faults: &Faults)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    if faults.refuses() {
        return;
    }
    let refused = context
        .options
        .refused_addresses
        .contains(&peer.to_canonical());
    tokio::spawn(listener::inbound(
        stream,
        context.clone(),
        faults.begin(),
        refused,
    ));
}

/// The address that connections in memory come from.
pub(crate) const IN_MEMORY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server for the `socket` application in memory: what connects to its address arrives here.
/// Made by [`Sim::listen_in_memory`](crate::Sim::listen_in_memory).
#[derive(Debug)]
pub struct PipeListener {
    address: String,
    streams: mpsc::UnboundedReceiver<DuplexStream>,
}

impl PipeListener {
    /// The address that leads here.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The next connection; `None` after the simulator has gone.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost when the future is dropped.
    pub async fn accept(&mut self) -> Option<DuplexStream> {
        self.streams.recv().await
    }
}

/// Opens the connections of the `socket` application.
#[derive(Clone)]
pub(crate) struct Connector {
    shared: Arc<Mutex<Shared>>,
    faults: Faults,
    pipe_size: usize,
}

struct Shared {
    /// Taken out at the end, for it holds the switch, which holds the connector.
    context: Option<Context>,
    pipes: HashMap<String, mpsc::UnboundedSender<DuplexStream>>,
}

impl Connector {
    pub(crate) fn new(context: Context, faults: Faults, pipe_size: usize) -> Self {
        let shared = Shared {
            context: Some(context),
            pipes: HashMap::new(),
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
            faults,
            pipe_size,
        }
    }

    pub(crate) fn listen(&self, address: &str) -> PipeListener {
        let (sender, streams) = mpsc::unbounded_channel();
        self.lock().pipes.insert(address.to_owned(), sender);
        PipeListener {
            address: address.to_owned(),
            streams,
        }
    }

    pub(crate) fn close(&self) {
        let mut shared = self.lock();
        shared.context = None;
        shared.pipes.clear();
    }

    fn serving<S>(&self, stream: S, request: OutboundRequest) -> io::Result<Serving>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let context = self
            .lock()
            .context
            .clone()
            .ok_or(io::ErrorKind::ConnectionAborted)?;
        Ok(Box::pin(listener::outbound(
            stream,
            context,
            self.faults.begin(),
            request,
        )))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutboundConnector for Connector {
    fn connect(&self, request: OutboundRequest) -> Connecting {
        let this = self.clone();
        Box::pin(async move {
            if this.faults.refuses() {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let pipe = this.lock().pipes.get(&request.address).cloned();
            if let Some(pipe) = pipe {
                let (ours, theirs) = tokio::io::duplex(this.pipe_size);
                pipe.send(theirs)
                    .map_err(|_| io::ErrorKind::ConnectionRefused)?;
                return this.serving(ours, request);
            }
            let stream = TcpStream::connect(&request.address).await?;
            stream.set_nodelay(true)?;
            this.serving(stream, request)
        })
    }
}
