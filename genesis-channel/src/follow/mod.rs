//! Following channels by their events.

mod condition;
mod state;
mod tracked;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use genesis_client::{Client, Subscription, TapGuard, WeakClient};
use genesis_proto::EventName;
use genesis_proto::session::switch::MY_EVENTS;

pub use condition::Condition;
pub(crate) use state::State;
pub(crate) use tracked::{Begun, Tracked, What};

use crate::error::Result;
use crate::originate::Window;

/// What a channel's state is made of, where every event can be asked for.
const FOLLOWED: [EventName; 27] = [
    EventName::ChannelCreate,
    EventName::ChannelOriginate,
    EventName::ChannelOutgoing,
    EventName::ChannelState,
    EventName::ChannelCallstate,
    EventName::ChannelProgress,
    EventName::ChannelProgressMedia,
    EventName::ChannelAnswer,
    EventName::ChannelApplication,
    EventName::ChannelBridge,
    EventName::ChannelUnbridge,
    EventName::ChannelPark,
    EventName::ChannelUnpark,
    EventName::ChannelHold,
    EventName::ChannelUnhold,
    EventName::ChannelExecute,
    EventName::ChannelExecuteComplete,
    EventName::ChannelHangup,
    EventName::ChannelHangupComplete,
    EventName::ChannelDestroy,
    EventName::ChannelUuid,
    EventName::CallUpdate,
    EventName::Dtmf,
    EventName::PlaybackStart,
    EventName::PlaybackStop,
    EventName::RecordStart,
    EventName::RecordStop,
];

/// The switch's list of channels lags behind its events, so a call that ended while the link was away
/// may still be in it: it is asked again after these times, for channels that nothing was heard of.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// The channels that are followed over one connection.
#[derive(Default)]
pub(crate) struct Calls {
    channels: Mutex<HashMap<u64, Weak<Tracked>>>,
    next: AtomicU64,
    resyncing: AtomicBool,
    /// When originates were sent, for the pace.
    pub(crate) originates: Window,
}

/// A channel that is followed until this is dropped.
pub(crate) struct Following {
    pub(crate) tracked: Arc<Tracked>,
    calls: Arc<Calls>,
    id: u64,
    _tap: TapGuard,
}

/// The events that can be had over this connection.
pub(crate) fn followed(client: &Client) -> Vec<EventName> {
    match client.socket_mode() {
        Some(mode) if !mode.is_full() => MY_EVENTS.to_vec(),
        _ => FOLLOWED.to_vec(),
    }
}

/// Whether a condition can be seen by the events that are followed anyway.
pub(crate) fn is_followed(client: &Client, condition: &Condition) -> bool {
    match condition {
        Condition::Event(name) => followed(client).contains(name),
        _ => true,
    }
}

/// Follows a channel. When this returns, the switch has agreed to send its events.
///
/// # Cancel safety
///
/// Safe: nothing is left behind.
pub(crate) async fn follow(client: &Client, uuid: &str) -> Result<Following> {
    let calls: Arc<Calls> = client.extension();
    let tracked = Arc::new(Tracked::new(
        uuid.to_owned(),
        Arc::downgrade(&calls),
        client.downgrade(),
    ));
    let subscription = Subscription::new().events(followed(client)).channel(uuid);
    let tap = client.tap(&subscription, tracked.clone()).await?;
    let id = calls.next.fetch_add(1, Ordering::Relaxed);
    calls.lock().insert(id, Arc::downgrade(&tracked));
    Ok(Following {
        tracked,
        calls,
        id,
        _tap: tap,
    })
}

impl Drop for Following {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.id);
    }
}

impl Calls {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Weak<Tracked>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn each(&self, mut visit: impl FnMut(&Tracked)) {
        let channels: Vec<_> = self.lock().values().cloned().collect();
        for tracked in channels.iter().filter_map(Weak::upgrade) {
            visit(&tracked);
        }
    }

    /// The link is back: the switch is asked once for all channels. Runs in the connection's task,
    /// which answers the question only when every channel has been told of the link.
    pub(crate) fn resync(self: &Arc<Self>, client: &WeakClient) {
        if self.resyncing.swap(true, Ordering::AcqRel) {
            return;
        }
        let calls = self.clone();
        let Some(client) = client.upgrade() else {
            self.resyncing.store(false, Ordering::Release);
            return;
        };
        tokio::spawn(async move {
            let snapshot = client.channels().await;
            calls.resyncing.store(false, Ordering::Release);
            match snapshot {
                Ok(snapshot) => calls.each(|tracked| tracked.resync(&snapshot)),
                // lost again: the next link asks again
                Err(error) if error.is_disconnected() => return,
                Err(error) => {
                    tracing::warn!(
                        %error,
                        "the channels cannot be read after the connection was away; their state \
                         is what it was until the next event"
                    );
                    return;
                }
            }
            for wait in LOOK_AGAIN {
                let mut silent = false;
                calls.each(|tracked| silent |= tracked.is_silent());
                if !silent {
                    return;
                }
                tokio::time::sleep(wait).await;
                match client.channels().await {
                    Ok(snapshot) => calls.each(|tracked| tracked.confirm(&snapshot)),
                    Err(_) => return,
                }
            }
        });
    }
}
