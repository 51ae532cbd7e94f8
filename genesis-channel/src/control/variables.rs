//! Channel variables.

use genesis_proto::command::argument;

use crate::channel::Channel;
use crate::error::{Error, Result};

impl Channel {
    /// A channel variable as it is now; `None` when it is not set. Needs an inbound connection or
    /// `full`: without `full` there is only `getvar`, whose reply can be forged by the value; use
    /// [`variable`](Self::variable), as of the last event.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let codec = channel.get_variable("read_codec").await?;
    /// println!("the caller speaks {}", codec.as_deref().unwrap_or("nothing yet"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`hold`](Self::hold).
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn get_variable(&self, name: &str) -> Result<Option<String>> {
        self.counted("channel.get_variable", async {
            check_name(name)?;
            let reply = self.uuid_api("uuid_getvar", name).await?;
            let value = reply.text();
            // mod_commands.c, `uuid_getvar_function`
            let unset = value == "_undef_" || reply.is_empty_output();
            Ok((!unset).then(|| value.into_owned()))
        })
        .await
    }

    /// Sets a channel variable. An empty value unsets it, as the switch has no empty variables.
    ///
    /// With `uuid_setvar`; over a socket without `full` with the application `set`, which would expand
    /// `${…}` in the value: such a value is refused there.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// channel.set_variable("hangup_after_bridge", "true").await?;
    /// channel.set_variable("ringback", "").await?; // takes it away
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute); a name with blanks, `=` or a bracket, or a value with a line
    /// break.
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn set_variable(&self, name: &str, value: &str) -> Result<()> {
        self.counted("channel.set_variable", self.put_variable(name, value))
            .await
    }

    async fn put_variable(&self, name: &str, value: &str) -> Result<()> {
        check_name(name)?;
        if self.has_api() {
            let rest = match value.is_empty() {
                true => name.to_owned(),
                false => format!("{name} {}", argument(value)),
            };
            return self.uuid_api("uuid_setvar", &rest).await.map(drop);
        }
        if value.contains("${") || value.contains("@{") {
            return Err(Error::invalid(format!(
                "the value of {name} contains ${{…}}, which the application `set` would expand; it \
                 needs an inbound connection or a `full` outbound socket"
            )));
        }
        let (application, text) = match value.is_empty() {
            true => ("unset", name.to_owned()),
            false => ("set", format!("{name}={value}")),
        };
        self.run(application, &text).await.map(drop)
    }

    /// Sets several variables, one after the other.
    ///
    /// ```no_run
    /// # async fn example(channel: genesis_channel::Channel) -> genesis_channel::Result<()> {
    /// let billing = [("accountcode", "4711"), ("cost_centre", "sales"), ("campaign", "autumn")];
    /// channel.set_variables(billing).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`set_variable`](Self::set_variable); those before the one that failed are set.
    ///
    /// # Cancel safety
    ///
    /// What was sent happens.
    pub async fn set_variables<N, V>(
        &self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Result<()>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        self.counted("channel.set_variables", async {
            for (name, value) in variables {
                self.put_variable(name.as_ref(), value.as_ref()).await?;
            }
            Ok(())
        })
        .await
    }
}

fn check_name(name: &str) -> Result<()> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "=[]{}'\"".contains(c);
    if name.is_empty() || name.contains(bad) {
        return Err(Error::invalid(format!(
            "{name:?} cannot be the name of a channel variable: no blanks, quotes, brackets or ="
        )));
    }
    Ok(())
}
