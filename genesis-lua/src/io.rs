//! The way of operations to the caller's runtime and of their results back.
//!
//! Everything that a script asks of a connection is run where the connections are, and only awaited
//! on the script's thread: a script that computes delays no command, no event and no timer.

use std::future::Future;
use std::pin::Pin;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use genesis_client::observe::carried;
use tokio::sync::{mpsc, oneshot};

type Work = BoxFuture<'static, ()>;

/// The end on the script's thread.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    works: mpsc::UnboundedSender<Work>,
}

/// The end on the caller's runtime. Dropping it cancels what is under way.
#[derive(Debug)]
pub(crate) struct Driver {
    works: mpsc::UnboundedReceiver<Work>,
    under_way: FuturesUnordered<Work>,
}

/// The runtime that operations run on has ended, or the call has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// Both ends. What may wait between them is bounded by the coroutines of the script: each has one
/// operation at most.
pub(crate) fn pair() -> (Remote, Driver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let driver = Driver {
        works: receiver,
        under_way: FuturesUnordered::new(),
    };
    (Remote { works: sender }, driver)
}

impl Remote {
    /// Runs `work` on the caller's runtime, below the span that is current here. Dropping the
    /// future cancels the work.
    pub(crate) fn run<F>(&self, work: F) -> impl Future<Output = Result<F::Output, Gone>> + use<F>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        let (mut answer, answered) = oneshot::channel();
        let work = carried(work);
        let sent = self.works.send(Box::pin(async move {
            let result = tokio::select! {
                biased;
                result = work => result,
                () = answer.closed() => return,
            };
            // who asked may be gone by now
            let _ = answer.send(result);
        }));
        async move {
            sent.map_err(|_| Gone)?;
            answered.await.map_err(|_| Gone)
        }
    }
}

impl Remote {
    /// Runs `work` on the caller's runtime; nobody waits for it.
    pub(crate) fn detach(&self, work: impl Future<Output = ()> + Send + 'static) {
        // without a driver the call has ended, and the work with it
        let _ = self.works.send(Box::pin(carried(work)));
    }
}

impl Driver {
    /// Runs what comes, and does not return.
    pub(crate) async fn run(&mut self) {
        let mut open = true;
        loop {
            tokio::select! {
                work = self.works.recv(), if open => match work {
                    Some(work) => self.under_way.push(work),
                    None => open = false,
                },
                Some(()) = self.under_way.next() => {}
                else => std::future::pending().await,
            }
        }
    }
}

/// A future of a script's thread: it stays where it was made.
pub(crate) type Local = Pin<Box<dyn Future<Output = ()>>>;
