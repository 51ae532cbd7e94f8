//! One leg of a dial string: where to call, and the variables of that leg.

use std::fmt;

use super::variables::{Scope, Variables, has_control, is_balanced};
use crate::Error;

/// Where a leg goes: `user/1000@example.org`, `sofia/gateway/carrier/4930123`, `loopback/9664`,
/// `error/USER_BUSY`, `group/sales@example.org`, or whatever else an endpoint module takes.
///
/// ```
/// use genesis_proto::dial::Endpoint;
///
/// let endpoint = Endpoint::new("sofia/gateway/carrier/4930123")?;
/// assert_eq!(endpoint.kind(), "sofia");
/// assert_eq!(endpoint.destination(), "gateway/carrier/4930123");
/// assert_eq!(endpoint, Endpoint::gateway("carrier", "4930123")?);
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint(String);

impl Endpoint {
    /// Takes the text as it is: characters that mean something in a dial string (`,` and `|`) are
    /// escaped when it is written, so one endpoint always stays one.
    ///
    /// # Errors
    /// If it is empty, begins or ends with a space, holds control characters or `:_:`, begins
    /// with a bracket that the switch would take for variables, or has unmatched `[` and `]`.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        // without the text: a dial string gone wrong may have put a password there
        let refuse = |why: &str| Err(Error::invalid(format!("an endpoint {why}")));
        if text.is_empty() {
            return Err(Error::invalid(
                "an endpoint is empty: give one such as \"user/1000\"",
            ));
        }
        if has_control(&text) || text.contains('\t') {
            return refuse("holds a line break or another control character");
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return refuse("begins or ends with a space, which the switch would drop");
        }
        if text.starts_with(['[', '{', '<']) || text.starts_with("^^") {
            return refuse(
                "begins with what the switch does not read as an endpoint here: '[', '{', '<' \
                 (set variables by their methods; '{' and '<' stand before the first leg) or \"^^\"",
            );
        }
        if text.contains(super::ENTERPRISE) || text.ends_with(":_") {
            return refuse("holds \":_:\" or ends with \":_\"; the switch cuts dial strings there");
        }
        if !is_balanced(&text, Scope::Leg.brackets()) {
            return refuse("has '[' and ']' that do not match");
        }
        Ok(Self(text))
    }

    /// `user/<name>`: a user of the directory, as `1000` or `1000@example.org`.
    ///
    /// # Errors
    /// As for [`new`](Endpoint::new).
    pub fn user(name: &str) -> Result<Self, Error> {
        Self::new(format!("user/{name}"))
    }

    /// `sofia/gateway/<gateway>/<number>`.
    ///
    /// # Errors
    /// As for [`new`](Endpoint::new), or if the gateway's name holds a slash.
    pub fn gateway(gateway: &str, number: &str) -> Result<Self, Error> {
        if gateway.is_empty() || gateway.contains('/') {
            return Err(Error::invalid(format!(
                "{gateway:?} is not the name of a gateway"
            )));
        }
        Self::new(format!("sofia/gateway/{gateway}/{number}"))
    }

    /// `loopback/<extension>/<context>`: a call to the dialplan of the same switch.
    ///
    /// # Errors
    /// As for [`new`](Endpoint::new), or if the extension holds a slash.
    pub fn loopback(extension: &str, context: &str) -> Result<Self, Error> {
        if extension.is_empty() || extension.contains('/') {
            return Err(Error::invalid(format!(
                "{extension:?} is not an extension that loopback can call: it holds a slash or is \
                 empty"
            )));
        }
        Self::new(format!("loopback/{extension}/{context}"))
    }

    /// `error/<cause>`: a leg that fails at once with this cause.
    ///
    /// # Errors
    /// As for [`new`](Endpoint::new).
    pub fn error(cause: &crate::HangupCause) -> Result<Self, Error> {
        Self::new(format!("error/{cause}"))
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first slash: the type of endpoint.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(kind, _)| kind)
    }

    /// What stands after the first slash.
    #[must_use]
    pub fn destination(&self) -> &str {
        self.0
            .split_once('/')
            .map_or("", |(_, destination)| destination)
    }
}

impl fmt::Display for Endpoint {
    /// The text itself, without the escaping that a dial string needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One leg: an endpoint and the variables in `[]` before it.
///
/// ```
/// use genesis_proto::dial::{DialString, Leg};
///
/// let leg = Leg::new("user/1000")?.variable("leg_timeout", "15")?;
/// assert_eq!(DialString::from(leg).to_string(), "[leg_timeout=15]user/1000");
/// # Ok::<(), genesis_proto::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    endpoint: Endpoint,
    variables: Variables,
}

impl Leg {
    /// A leg to this endpoint.
    ///
    /// # Errors
    /// If the text is no endpoint, see [`Endpoint::new`].
    pub fn new(endpoint: impl Into<String>) -> Result<Self, Error> {
        Endpoint::new(endpoint).map(Self::from)
    }

    /// Sets a variable for this leg alone (`[]`).
    ///
    /// The switch does not set a variable whose value holds `${`, unless
    /// `origination_nested_vars=true` stands in the dial string.
    ///
    /// # Errors
    /// If the name or the value cannot be written: control characters, `:_:`, unmatched `[` and
    /// `]` in the value; spaces, quotes, brackets, `=`, `,`, `|` in the name.
    pub fn variable(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.set_variable(name, value)?;
        Ok(self)
    }

    /// Like [`variable`](Leg::variable), in place.
    ///
    /// # Errors
    /// The same; nothing has changed then.
    pub fn set_variable(&mut self, name: &str, value: &str) -> Result<(), Error> {
        self.variables.set(Scope::Leg, name, value)
    }

    /// Where the leg goes.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The variables of this leg alone.
    #[must_use]
    pub fn variables(&self) -> &Variables {
        &self.variables
    }
}

impl From<Endpoint> for Leg {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            variables: Variables::default(),
        }
    }
}
