//! [`Tap`]: state that follows events in the connection's own task.

use std::fmt;
use std::sync::Arc;

use genesis_proto::Event;
use genesis_proto::session::CloseReason;
use tokio::sync::oneshot;

use crate::client::{Client, Shared, within};
use crate::error::Result;
use crate::link::Request;
use crate::router::{Sink, SubscriberId};
use crate::subscription::{Gap, Subscription};

/// Something that is told of events by the task that reads them, before that task reads on.
///
/// For code that keeps state by events, such as a call's: there is no queue, so nothing is ever
/// dropped, and by the time a command's reply or a job's result is given out, every event that came
/// before it has been told. The price: the methods run inside the connection. They must be short,
/// must not block, and must not panic (that would end the connection). Anything else belongs into a
/// [`subscribe`](Client::subscribe)d stream or a [`Consumer`](crate::Consumer).
pub trait Tap: Send + Sync + 'static {
    /// An event that the subscription asked for.
    fn event(&self, event: &Event);

    /// The link was lost. Either [`link_restored`](Self::link_restored) or [`closed`](Self::closed)
    /// follows.
    fn link_lost(&self, reason: &CloseReason) {
        let _ = reason;
    }

    /// The link is back; the subscription is restored; what happened meanwhile was not seen.
    fn link_restored(&self, gap: &Gap) {
        let _ = gap;
    }

    /// The connection has ended for good.
    fn closed(&self, reason: &CloseReason) {
        let _ = reason;
    }
}

/// Keeps a [`Tap`] in place. Dropping it takes the subscription back.
#[must_use = "dropping it takes the subscription back"]
pub struct TapGuard {
    id: SubscriberId,
    shared: Arc<Shared>,
}

impl Client {
    /// Subscribes `tap` to events. When this returns, the switch has agreed to send them.
    ///
    /// The bounds and the overflow policy of the subscription do not matter: there is no queue.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use genesis_client::{Client, Subscription, Tap};
    /// use genesis_proto::{Event, EventName};
    ///
    /// #[derive(Default)]
    /// struct Answered(AtomicU64);
    ///
    /// impl Tap for Answered {
    ///     fn event(&self, _: &Event) {
    ///         self.0.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// }
    ///
    /// # async fn example(client: Client) -> genesis_client::Result<()> {
    /// let answered = Arc::new(Answered::default());
    /// let names = Subscription::new().event(EventName::ChannelAnswer);
    /// let guard = client.tap(&names, answered.clone()).await?;
    /// client.bgapi("originate user/1000 &park").await?;
    /// println!("{} calls were answered", answered.0.load(Ordering::Relaxed));
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`subscribe`](Client::subscribe).
    ///
    /// # Cancel safety
    ///
    /// Safe: a tap whose guard was not received is taken back.
    pub async fn tap(&self, subscription: &Subscription, tap: Arc<dyn Tap>) -> Result<TapGuard> {
        let events = subscription.event_set()?;
        let id = self.shared.subscriber();
        let guard = TapGuard {
            id,
            shared: self.shared.clone(),
        };
        let (done, answer) = oneshot::channel();
        self.request(Request::Subscribe {
            id,
            events,
            subscription: Box::new(subscription.clone()),
            sink: Sink::Tap(tap),
            done,
        })?;
        within(self.deadline(), "event", self.answer(answer)).await?;
        Ok(guard)
    }
}

impl Drop for TapGuard {
    fn drop(&mut self) {
        self.shared.unsubscribe(self.id);
    }
}

impl fmt::Debug for TapGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TapGuard").finish_non_exhaustive()
    }
}
