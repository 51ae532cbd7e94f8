//! When an originate may leave.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use genesis_client::Client;
use tokio::time::Instant;

use super::Pace;
use crate::follow::Calls;

/// What a switch allows that does not say.
const USUAL: u32 = 30;
const SECOND: Duration = Duration::from_secs(1);

/// When originates left over one connection, or will leave.
#[derive(Debug, Default)]
pub(crate) struct Window {
    sent: VecDeque<Instant>,
    /// What the switch allows, once it was asked.
    allowed: Option<u32>,
}

impl Window {
    /// Takes the next place: when it is, with at most `limit` within any second.
    fn reserve(&mut self, limit: u32, now: Instant) -> Instant {
        let limit = limit.max(1) as usize;
        while self.sent.front().is_some_and(|at| now >= *at + SECOND) {
            self.sent.pop_front();
        }
        let at = match self.sent.len().checked_sub(limit) {
            Some(before) => (self.sent[before] + SECOND).max(now),
            None => now,
        };
        // others may have asked for a slower pace
        let at = self.sent.back().map_or(at, |last| at.max(*last));
        self.sent.push_back(at);
        at
    }
}

/// Waits until an originate may leave.
///
/// # Cancel safety
///
/// The place is lost, nothing else.
pub(super) async fn wait(client: &Client, calls: &Arc<Calls>, pace: Pace) {
    let limit = match pace {
        Pace::Unlimited => return,
        Pace::PerSecond(limit) => limit,
        Pace::OfTheSwitch => of_the_switch(client, calls).await,
    };
    let at = {
        let mut window = calls
            .originates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        window.reserve(limit, Instant::now())
    };
    if at > Instant::now() {
        tokio::time::sleep_until(at).await;
    }
}

async fn of_the_switch(client: &Client, calls: &Arc<Calls>) -> u32 {
    let known = || {
        let window = calls
            .originates
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        window.allowed
    };
    if let Some(allowed) = known() {
        return allowed;
    }
    let status = client.api("status").await;
    let allowed = status.ok().and_then(|reply| read_status(&reply.text()));
    let allowed = allowed.unwrap_or(USUAL);
    let mut window = calls
        .originates
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    *window.allowed.get_or_insert(allowed)
}

/// "0 session(s) per Sec out of max 30, peak 1, last 5min 0" (mod_commands.c, `status_function`).
fn read_status(status: &str) -> Option<u32> {
    let line = status
        .lines()
        .find(|line| line.contains("per Sec out of max"))?;
    let (_, after) = line.split_once("out of max ")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|limit| *limit > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn never_more_than_the_limit_within_any_second() {
        let mut window = Window::default();
        let start = Instant::now();
        let at: Vec<u128> = (0..7)
            .map(|_| (window.reserve(3, start) - start).as_millis())
            .collect();
        assert_eq!(at, [0, 0, 0, 1000, 1000, 1000, 2000]);
        let later = start + Duration::from_millis(2500);
        assert_eq!(window.reserve(3, later), later);
    }

    #[test]
    fn the_limit_is_read_from_status() {
        let status = "UP 0 years, 0 days\n0 session(s) since startup\n0 session(s) - peak 0, last \
                      5min 0 \n0 session(s) per Sec out of max 30, peak 0, last 5min 0 \n1000 \
                      session(s) max\nmin idle cpu 0.00/100.00\n";
        assert_eq!(read_status(status), Some(30));
        assert_eq!(read_status("-ERR no reply"), None);
    }
}
