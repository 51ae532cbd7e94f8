//! Stopping a server without dropping calls.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use genesis_proto::HangupCause;
use genesis_proto::command::Message;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::server::give_back;
use crate::client::Client;

/// How long the switch may take to take a call back at the deadline of a drain.
const GIVE_BACK: Duration = Duration::from_secs(2);

/// What happens to calls that are still up at the deadline of a drain. Just closing the socket
/// would kill them on an `async` socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtDeadline {
    /// The socket closes (an `async` one after `resume`), and the dialplan goes on with its next
    /// action.
    Resume,
    /// The call is hung up with this cause.
    Hangup(HangupCause),
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) deadline: Instant,
    pub(super) then: AtDeadline,
}

/// Stops an [`Outbound`](super::Outbound) server: no new calls, live ones finish.
#[derive(Clone)]
pub struct Drain {
    order: Arc<watch::Sender<Option<Order>>>,
    live: Arc<Mutex<HashMap<u64, Client>>>,
    count: Arc<watch::Sender<usize>>,
}

impl Drain {
    pub(super) fn new() -> Self {
        Self {
            order: Arc::new(watch::Sender::new(None)),
            live: Arc::default(),
            count: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Stops accepting (FreeSWITCH is refused, so its dialplan goes on), lets live sessions finish
    /// for `patience`, then does `then` to those that are left. Returns when none is left.
    ///
    /// # Cancel safety
    ///
    /// Safe: the drain goes on; call again to wait for its end. The first call's deadline counts.
    pub async fn start(&self, patience: Duration, then: AtDeadline) {
        self.order.send_if_modified(|order| {
            let first = order.is_none();
            order.get_or_insert(Order {
                deadline: Instant::now() + patience,
                then,
            });
            first
        });
        let mut count = self.count.subscribe();
        let _ = count.wait_for(|count| *count == 0).await;
    }

    /// How many sessions are live, those included whose connection has not said yet what call it is.
    pub fn sessions(&self) -> usize {
        *self.count.borrow()
    }

    /// How many calls are live: sessions that were handed to the handler.
    pub fn calls(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn orders(&self) -> watch::Receiver<Option<Order>> {
        self.order.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Client>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a session for as long as the guard lives.
    pub(super) fn enter(&self) -> Entered {
        self.count.send_modify(|count| *count += 1);
        Entered {
            drain: self.clone(),
            id: None,
        }
    }

    /// Ends what is live, as the order says.
    pub(super) async fn end_all(&self, then: &AtDeadline) {
        let live: Vec<Client> = self.lock().values().cloned().collect();
        if !live.is_empty() {
            let what = match then {
                AtDeadline::Resume => "given back to the dialplan",
                AtDeadline::Hangup(_) => "hung up",
            };
            let calls = match live.len() {
                1 => "1 call is".to_owned(),
                calls => format!("{calls} calls are"),
            };
            tracing::warn!("the time of the drain is over; {calls} {what}");
        }
        let mut ending = JoinSet::new();
        for client in live {
            ending.spawn(end(client.timeout(GIVE_BACK), then.clone()));
        }
        ending.join_all().await;
    }
}

async fn end(client: Client, then: AtDeadline) {
    let said = match then {
        AtDeadline::Resume => give_back(&client).await,
        AtDeadline::Hangup(cause) => {
            let message = Message::Hangup(cause);
            client.message(None, &message).await.map(drop)
        }
    };
    if let Err(error) = said {
        tracing::warn!(%error, "a call could not be handed back at the deadline of the drain");
    }
    client.exit().await;
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain")
            .field("sessions", &self.sessions())
            .finish_non_exhaustive()
    }
}

/// A session that is counted.
pub(super) struct Entered {
    drain: Drain,
    id: Option<u64>,
}

impl Entered {
    /// The session is set up: it can be ended by a drain.
    pub(super) fn live(&mut self, id: u64, client: Client) {
        self.id = Some(id);
        self.drain.lock().insert(id, client);
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.drain.lock().remove(&id);
        }
        self.drain.count.send_modify(|count| *count -= 1);
    }
}
