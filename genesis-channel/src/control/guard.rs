//! A channel that hangs up when it is dropped.

use std::ops::Deref;

use genesis_client::observe::carried;
use genesis_proto::HangupCause;
use tokio::runtime::Handle;

use crate::channel::Channel;

/// A channel that is hung up when this is dropped; see [`Channel::hangup_on_drop`].
///
/// ```no_run
/// # use genesis_channel::{Channel, OriginateOptions};
/// # use genesis_proto::HangupCause;
/// # async fn example(client: genesis_client::Client) -> genesis_channel::Result<()> {
/// let channel = Channel::originate(&client, "user/1000", OriginateOptions::new()).await?;
/// let call = channel.hangup_on_drop(HangupCause::NormalClearing);
/// call.playback("ivr/wake_up.wav").await?.complete().await?; // a guard is used as the channel
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct HangupGuard {
    channel: Channel,
    cause: HangupCause,
    runtime: Option<Handle>,
}

impl Channel {
    /// A guard that hangs the call up when it is dropped, in the background, also over the next link
    /// if the connection is away just then. Other handles of the channel do not keep the call up.
    ///
    /// ```no_run
    /// # use genesis_channel::Channel;
    /// # use genesis_proto::HangupCause;
    /// # async fn example(channel: Channel) -> genesis_channel::Result<()> {
    /// let channel = channel.hangup_on_drop(HangupCause::NormalClearing);
    /// channel.playback("ivr/welcome.wav").await?.complete().await?; // an error hangs up, too
    /// let channel = channel.keep();
    /// # let _ = channel;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Made outside a tokio runtime it cannot hang up.
    pub fn hangup_on_drop(self, cause: HangupCause) -> HangupGuard {
        HangupGuard {
            channel: self,
            cause,
            runtime: Handle::try_current().ok(),
        }
    }
}

impl HangupGuard {
    /// Gives the channel back; dropping it leaves the call alone again.
    ///
    /// ```no_run
    /// # use genesis_proto::HangupCause;
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let guard = channel.hangup_on_drop(HangupCause::NormalTemporaryFailure);
    /// guard.set_variable("checked", "true").await?;
    /// guard.keep().transfer("1000").await?; // from here on the dialplan has the call
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep(mut self) -> Channel {
        self.runtime = None;
        self.channel.clone()
    }
}

impl Deref for HangupGuard {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.channel
    }
}

impl Drop for HangupGuard {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        if self.channel.is_over() {
            return;
        }
        let (channel, cause) = (self.channel.clone(), self.cause.clone());
        let open = channel.client().keep_open();
        runtime.spawn(carried(async move {
            let _open = open;
            while channel.client().ready().await.is_ok() {
                match channel.hangup(cause.clone()).await {
                    Err(error) if error.is_disconnected() || error.is_timeout() => {}
                    Err(error) => {
                        let uuid = channel.uuid();
                        tracing::error!(%error, uuid, "a call that was to end cannot be hung up");
                        return;
                    }
                    Ok(()) => return,
                }
            }
        }));
    }
}
