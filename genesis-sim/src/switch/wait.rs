//! How an application waits: messages, digits, breaks and time.

use std::time::Duration;

use genesis_proto::name::EventName;
use tokio::time::Instant;

use super::channel::{Channel, Queued};
use super::session::Session;

/// How many messages may run one inside the other; more wait until one of them has ended.
const MAX_DEPTH: u32 = 16;

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The time is up.
    Elapsed,
    /// The channel has hung up, or is to do something else.
    Interrupted,
    /// `uuid_break` or the application `break`.
    Broken,
    /// The other end pressed a digit, and digits were asked for.
    Digit(char),
    /// What the caller watches has happened.
    Watched,
}

/// A wait of an application.
pub(crate) struct Wait<'a> {
    left: Option<Duration>,
    /// Applications run inside this wait do not use up its time: playback stands still then.
    pausing: bool,
    digits: bool,
    /// Messages other than those somebody waits for stay in the queue.
    only_sync: bool,
    peer: Option<&'a Channel>,
    until: Option<&'a (dyn Fn() -> bool + Send + Sync)>,
}

impl<'a> Wait<'a> {
    pub(crate) fn new(time: Option<Duration>) -> Self {
        Self {
            left: time,
            pausing: false,
            digits: false,
            only_sync: false,
            peer: None,
            until: None,
        }
    }

    pub(crate) fn pausing(mut self) -> Self {
        self.pausing = true;
        self
    }

    pub(crate) fn for_digits(mut self) -> Self {
        self.digits = true;
        self
    }

    pub(crate) fn only_sync(mut self) -> Self {
        self.only_sync = true;
        self
    }

    /// Ends with [`Stop::Watched`] when this is true; whoever makes it true wakes the channel.
    pub(crate) fn until(mut self, condition: &'a (dyn Fn() -> bool + Send + Sync)) -> Self {
        self.until = Some(condition);
        self
    }

    /// What is left of the time.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.left
    }

    /// Ends with [`Stop::Watched`] when this leg is no longer bridged with the waiting one.
    pub(crate) fn beside(mut self, peer: &'a Channel) -> Self {
        self.peer = Some(peer);
        self
    }
}

impl Session {
    /// Whether the application must end: the channel hung up or has something else to do.
    pub(crate) fn interrupted(&self) -> bool {
        self.channel.is_down() || self.channel.data().next.is_some()
    }

    fn peer_left(&self, peer: &Channel) -> bool {
        peer.is_down() || peer.data().partner.as_deref() != Some(&self.channel.uuid)
    }

    /// Waits as a media application does: messages are carried out meanwhile, inside it, unless
    /// an application with `event-lock` runs; digits arrive; it can be broken.
    pub(crate) async fn wait(&self, wait: &mut Wait<'_>) -> Stop {
        let mut changes = self.channel.changes();
        let mut peer_changes = wait.peer.map(Channel::changes);
        loop {
            changes.mark_unchanged();
            if let Some(changes) = &mut peer_changes {
                changes.mark_unchanged();
            }
            if self.interrupted() {
                return Stop::Interrupted;
            }
            if wait.peer.is_some_and(|peer| self.peer_left(peer)) {
                return Stop::Watched;
            }
            if wait.until.is_some_and(|until| until()) {
                return Stop::Watched;
            }
            if let Some(queued) = self.take_message(wait.only_sync) {
                let began = Instant::now();
                Box::pin(self.carry_out(queued)).await;
                if !wait.pausing {
                    wait.left = wait.left.map(|left| left.saturating_sub(began.elapsed()));
                }
                continue;
            }
            if self
                .channel
                .update_quietly(|data| std::mem::take(&mut data.broken))
            {
                return Stop::Broken;
            }
            if let Some(digit) = self.take_digit() {
                if wait.digits {
                    return Stop::Digit(digit);
                }
                continue;
            }
            if wait.left.is_some_and(|left| left.is_zero()) {
                return Stop::Elapsed;
            }
            let began = Instant::now();
            let left = wait.left;
            tokio::select! {
                biased;
                _ = changes.changed() => {}
                _ = changed(&mut peer_changes) => {}
                _ = sleep(left) => {}
            }
            wait.left = left.map(|left| left.saturating_sub(began.elapsed()));
        }
    }

    pub(crate) fn take_message(&self, only_sync: bool) -> Option<Queued> {
        let mut data = self.channel.data();
        if data.locks > 0 || data.depth >= MAX_DEPTH {
            return None;
        }
        if only_sync {
            let at = data.queue.iter().position(|queued| queued.done.is_some())?;
            return data.queue.remove(at);
        }
        data.queue.pop_front()
    }

    /// The next digit, with its DTMF event (switch_channel.c, `switch_channel_dequeue_dtmf`).
    fn take_digit(&self) -> Option<char> {
        let digit = self.channel.data().dtmf.pop_front()?;
        let text = digit.to_string();
        let extra = [
            ("DTMF-Digit", &*text),
            ("DTMF-Duration", "2000"),
            ("DTMF-Source", "RTP"),
        ];
        self.event_with(EventName::Dtmf, &[], &extra);
        Some(digit)
    }
}

async fn changed(changes: &mut Option<tokio::sync::watch::Receiver<u64>>) {
    match changes {
        // The waiting session holds the sender's channel, so this cannot fail.
        Some(changes) => {
            let _ = changes.changed().await;
        }
        None => std::future::pending().await,
    }
}

async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}
