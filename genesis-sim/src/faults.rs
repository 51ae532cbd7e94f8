//! Faults on demand: what a network, a busy switch or a wrong configuration does to a client.
//!
//! Faults are exact and depend on no clock but tokio's, so that a test with paused time gives the
//! same bytes every time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// What goes wrong on a connection. The default is nothing.
///
/// ```
/// use genesis_sim::FaultPlan;
///
/// // bytes arrive one by one, and after 1000 the line is dead
/// let plan = FaultPlan { split_writes: Some(1), cut_after_sent: Some(1000), ..Default::default() };
/// # let _ = plan;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// Every write carries at most this many bytes.
    pub split_writes: Option<usize>,
    /// The switch writes nothing; events queue up.
    pub stall_writes: bool,
    /// The switch reads nothing; commands stay unanswered.
    pub stall_reads: bool,
    /// The line dies when exactly this many bytes were sent to the client, counted from the start
    /// of the connection. No notice.
    pub cut_after_sent: Option<u64>,
    /// The line dies when exactly this many bytes were read from the client. Commands complete by
    /// then are carried out, their replies are lost.
    pub cut_after_received: Option<u64>,
    /// Every reply comes this much later. Events of the connection wait with it, as they do behind
    /// a slow `api`.
    pub reply_delay: Option<Duration>,
    /// Every `auth` and `userauth` is answered `-ERR invalid`.
    pub wrong_password: bool,
}

/// Names a connection: 0 is the first one of this [`Sim`](crate::Sim), outbound ones count too.
pub type ConnectionId = u64;

/// How a connection is to end at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The line is cut.
    Cut,
    /// Killed for slowness.
    Slow,
    /// The switch says goodbye in the ordinary way.
    Goodbye,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    pub(crate) plan: FaultPlan,
    pub(crate) end: Option<End>,
}

/// The faults of a [`Sim`](crate::Sim). Cheap to clone.
///
/// ```
/// # use genesis_sim::{FaultPlan, Faults};
/// # fn demo(faults: &Faults) {
/// faults.update(|plan| plan.split_writes = Some(3)); // every connection, from now on
/// faults.next(FaultPlan { wrong_password: true, ..Default::default() }); // the next one only
/// if let Some(connection) = faults.connections().last() {
///     faults.cut(*connection);
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    plan: FaultPlan,
    next: VecDeque<FaultPlan>,
    refuse: bool,
    last: ConnectionId,
    live: BTreeMap<ConnectionId, watch::Sender<Orders>>,
}

impl Faults {
    /// Changes the plan of every connection, those that live and those to come.
    pub fn update(&self, change: impl Fn(&mut FaultPlan)) {
        let mut state = self.lock();
        change(&mut state.plan);
        for orders in state.live.values() {
            orders.send_modify(|orders| change(&mut orders.plan));
        }
    }

    /// No more faults, on any connection.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.next.clear();
        state.refuse = false;
        drop(state);
        self.update(|plan| *plan = FaultPlan::default());
    }

    /// The next connection gets this plan in place of the common one. Several wait in line.
    pub fn next(&self, plan: FaultPlan) {
        self.lock().next.push_back(plan);
    }

    /// Refuses connections: they are closed before a byte is written.
    pub fn refuse_connections(&self, refuse: bool) {
        self.lock().refuse = refuse;
    }

    /// The connections that live, oldest first.
    pub fn connections(&self) -> Vec<ConnectionId> {
        self.lock().live.keys().copied().collect()
    }

    /// Changes the plan of one connection. Gives `false` when it has ended.
    pub fn update_connection(
        &self,
        connection: ConnectionId,
        change: impl FnOnce(&mut FaultPlan),
    ) -> bool {
        self.order(connection, |orders| change(&mut orders.plan))
    }

    /// Cuts a connection at once and without a word. Gives `false` when it has ended.
    pub fn cut(&self, connection: ConnectionId) -> bool {
        self.order(connection, |orders| orders.end = Some(End::Cut))
    }

    /// Cuts every connection.
    pub fn cut_all(&self) {
        for connection in self.connections() {
            self.cut(connection);
        }
    }

    /// Kills a connection as if it had lost more than 500 events: the rest of what was being
    /// written is dropped, be it in the middle of a frame, and the notice follows. Gives `false`
    /// when it has ended.
    pub fn kill_for_slowness(&self, connection: ConnectionId) -> bool {
        self.order(connection, |orders| orders.end = Some(End::Slow))
    }

    /// Ends a connection in the ordinary way, with the goodbye. Gives `false` when it has ended.
    pub fn disconnect(&self, connection: ConnectionId) -> bool {
        self.order(connection, |orders| orders.end = Some(End::Goodbye))
    }

    fn order(&self, connection: ConnectionId, change: impl FnOnce(&mut Orders)) -> bool {
        let state = self.lock();
        let Some(orders) = state.live.get(&connection) else {
            return false;
        };
        orders.send_modify(change);
        true
    }

    pub(crate) fn refuses(&self) -> bool {
        self.lock().refuse
    }

    /// A connection begins; it ends when the guard is dropped.
    pub(crate) fn begin(&self) -> Connection {
        let mut state = self.lock();
        let plan = state.next.pop_front().unwrap_or_else(|| state.plan.clone());
        let id = state.last;
        state.last += 1;
        let (sender, orders) = watch::channel(Orders { plan, end: None });
        state.live.insert(id, sender);
        drop(state);
        Connection {
            id,
            orders,
            faults: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The orders for one connection while it lives.
#[derive(Debug)]
pub(crate) struct Connection {
    id: ConnectionId,
    pub(crate) orders: watch::Receiver<Orders>,
    faults: Faults,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.faults.lock().live.remove(&self.id);
    }
}
