//! Messages to a channel: what `sendmsg` carries.

/// A message for a channel: the headers and the body of a `sendmsg`.
///
/// ```
/// use genesis_sim::switch::ChannelMessage;
///
/// let message = ChannelMessage::execute("playback", "silence_stream://500");
/// assert_eq!(message.header("Call-Command"), Some("execute"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelMessage {
    /// The headers in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Vec<u8>>,
}

impl ChannelMessage {
    /// A message that runs an application.
    pub fn execute(app: &str, arg: &str) -> Self {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            headers: vec![
                pair("call-command", "execute"),
                pair("execute-app-name", app),
                pair("execute-app-arg", arg),
            ],
            body: None,
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The argument of the application: `execute-app-arg`, or the body when it is empty.
    pub(crate) fn argument(&self) -> String {
        let given = self.header("execute-app-arg").unwrap_or_default();
        let is_text = self
            .header("content-type")
            .is_some_and(|kind| kind.eq_ignore_ascii_case("text/plain"));
        match &self.body {
            Some(body) if given.is_empty() && is_text => String::from_utf8_lossy(body).into_owned(),
            _ => given.to_owned(),
        }
    }
}

/// There is no channel with this Unique-ID, or no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no channel has the Unique-ID {0:?}: it has hung up or never existed")]
pub struct NoSuchSession(pub String);
