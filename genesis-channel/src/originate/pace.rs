//! When an originate may leave.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use genesis_client::Client;
use tokio::sync::{Mutex, OnceCell};
use tokio::time::Instant;

use super::Pace;
use crate::follow::Calls;

/// What a switch allows that does not say.
const USUAL: u32 = 30;
/// The switch counts by whole seconds of its own clock; a tenth more keeps two batches apart in it,
/// whatever their way took.
const SECOND: Duration = Duration::from_millis(1100);

/// When sessions were asked for over one connection, and who is next.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Locked by whoever is next, until its turn; the others stand in line for the lock, and leave
    /// the line without a trace.
    sent: Mutex<VecDeque<Instant>>,
    /// What the switch allows, once it was asked.
    allowed: OnceCell<u32>,
}

impl Window {
    /// Waits until `sessions` more keep to `limit` within any second.
    async fn turn(&self, limit: u32, sessions: usize) {
        let limit = limit.max(1) as usize;
        // a call of more legs than the limit could never be made otherwise
        let sessions = sessions.clamp(1, limit);
        let mut sent = self.sent.lock().await;
        let now = Instant::now();
        while sent.front().is_some_and(|at| now >= *at + SECOND) {
            sent.pop_front();
        }
        if let Some(last_in_the_way) = (sent.len() + sessions).checked_sub(limit + 1) {
            tokio::time::sleep_until(sent[last_in_the_way] + SECOND).await;
        }
        let now = Instant::now();
        sent.extend(std::iter::repeat_n(now, sessions));
    }
}

impl Pace {
    /// Waits until a call of this many legs may be originated; those who wait are served in order.
    /// The legs of a failover count too: when the first fail at once, they follow at once.
    /// [`Channel::originate`](crate::Channel::originate) does this by itself. Who must be able to
    /// tell a call that was sent from one that was not waits here, and originates with
    /// [`Pace::Unlimited`].
    ///
    /// ```no_run
    /// # use genesis_channel::{Channel, OriginateOptions, Pace};
    /// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
    /// let options = OriginateOptions::new().pace(Pace::Unlimited);
    /// Pace::PerSecond(5).wait(&client, 1).await;
    /// println!("the call leaves now: from here on it counts as tried");
    /// Channel::originate(&client, "user/1000", options).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Safe: who leaves the line takes nothing from the others.
    pub async fn wait(self, client: &Client, legs: usize) {
        let limit = match self {
            Self::Unlimited => return,
            Self::PerSecond(limit) => limit,
            // a fifth is left to others, calls that come in among them
            Self::OfTheSwitch => (of_the_switch(client).await.saturating_mul(4) / 5).max(1),
        };
        let calls: Arc<Calls> = client.extension();
        calls.originates.turn(limit, legs).await;
    }
}

async fn of_the_switch(client: &Client) -> u32 {
    let calls: Arc<Calls> = client.extension();
    let asked = calls.originates.allowed.get_or_try_init(|| async {
        let status = client.api("status").await?;
        Ok::<_, genesis_client::Error>(read_status(&status.text()).unwrap_or(USUAL))
    });
    // a question that failed is asked again by the next one
    asked.await.copied().unwrap_or(USUAL)
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

    /// When each of `calls`, all in line at once, has its turn: in ms.
    async fn turns(window: &Window, limit: u32, calls: &[usize]) -> Vec<u128> {
        let start = Instant::now();
        let turns = calls.iter().map(|sessions| async {
            window.turn(limit, *sessions).await;
            start.elapsed().as_millis()
        });
        futures_util::future::join_all(turns).await
    }

    #[tokio::test(start_paused = true)]
    async fn never_more_than_the_limit_within_any_second() {
        let window = Window::default();
        let at = turns(&window, 3, &[1; 7]).await;
        assert_eq!(at, [0, 0, 0, 1100, 1100, 1100, 2200]);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(turns(&window, 3, &[1, 1, 1]).await, [0, 0, 600]);
    }

    #[tokio::test(start_paused = true)]
    async fn every_leg_counts() {
        let window = Window::default();
        let at = turns(&window, 4, &[3, 1, 2, 9, 1]).await;
        assert_eq!(at, [0, 0, 1100, 2200, 3300]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_the_line_takes_nothing_from_the_others() {
        let window = Window::default();
        let many = turns(&window, 10, &[1; 1000]);
        let left = tokio::time::timeout(Duration::from_millis(500), many).await;
        assert!(left.is_err());
        // ten have left already: the next may go half a second later
        assert_eq!(turns(&window, 10, &[1]).await, [600]);
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
