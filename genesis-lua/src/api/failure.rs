//! [`Failure`]: what a script gets when an operation fails.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use mlua::{IntoLua, LuaString, MetaMethod, UserData, UserDataMethods, Value};

/// An operation that failed: in Lua an object with the fields `kind`, `message`, `cause` (a hangup
/// cause), `switch` (the switch's own text) and `place` (`path:line`); `tostring` gives place and
/// message.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Box<Told>);

/// What is told of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) cause: Option<String>,
    pub(crate) switch: Option<String>,
    pub(crate) may_still_ring: Vec<String>,
    pub(crate) place: Option<String>,
}

impl Deref for Failure {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Told {
        &mut self.0
    }
}

impl From<Told> for Failure {
    fn from(told: Told) -> Self {
        Self(Box::new(told))
    }
}

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// The script asked for something that makes no sense.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Told {
            kind: "invalid_argument",
            message: message.into(),
            ..Told::default()
        }
        .into()
    }

    pub(crate) fn timeout(what: &str, after: Duration) -> Self {
        Told {
            kind: "timeout",
            message: format!("{what} did not come within {after:?}"),
            ..Told::default()
        }
        .into()
    }

    pub(crate) fn gone() -> Self {
        Told {
            kind: "disconnected",
            message: "the call or its connection has ended".to_owned(),
            ..Told::default()
        }
        .into()
    }

    /// The channel has hung up; `unknown_channel` says it before the switch has told of the hangup.
    pub(crate) fn is_hung_up(&self) -> bool {
        matches!(self.kind, "hung_up" | "unknown_channel")
    }

    pub(crate) fn is_disconnected(&self) -> bool {
        self.kind == "disconnected"
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl UserData for Failure {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::Index, |lua, this, key: LuaString| {
            let text = |text: &Option<String>| text.clone().into_lua(lua);
            match &*key.as_bytes() {
                b"kind" => this.kind.into_lua(lua),
                b"message" => this.message.as_str().into_lua(lua),
                b"cause" => text(&this.cause),
                b"switch" => text(&this.switch),
                b"place" => text(&this.place),
                b"may_still_ring" => this.may_still_ring.clone().into_lua(lua),
                _ => Ok(Value::Nil),
            }
        });
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| Ok(this.to_string()));
    }
}

impl From<genesis_client::Error> for Failure {
    fn from(error: genesis_client::Error) -> Self {
        let cause = match error.kind() {
            genesis_client::ErrorKind::HungUp(cause) => Some(cause.to_string()),
            _ => None,
        };
        Told {
            kind: error.kind().as_str(),
            message: error.to_string(),
            cause,
            switch: error.switch_text().map(str::to_owned),
            ..Told::default()
        }
        .into()
    }
}

impl From<genesis_channel::Error> for Failure {
    fn from(error: genesis_channel::Error) -> Self {
        use genesis_channel::ErrorKind;
        let cause = match error.kind() {
            ErrorKind::NotAnswered(cause) => Some(cause.to_string()),
            ErrorKind::HungUp(cause) => cause.as_ref().map(ToString::to_string),
            _ => None,
        };
        Told {
            kind: error.kind().as_str(),
            message: error.to_string(),
            cause,
            switch: error.switch_text().map(str::to_owned),
            may_still_ring: error.may_still_ring().to_vec(),
            ..Told::default()
        }
        .into()
    }
}

impl From<genesis_ringgroup::Error> for Failure {
    fn from(error: genesis_ringgroup::Error) -> Self {
        Told {
            kind: error.kind().as_str(),
            message: error.to_string(),
            may_still_ring: error.may_still_ring().to_vec(),
            ..Told::default()
        }
        .into()
    }
}

impl From<genesis_proto::Error> for Failure {
    fn from(error: genesis_proto::Error) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<mlua::Error> for Failure {
    fn from(error: mlua::Error) -> Self {
        Told {
            kind: "script",
            message: error.to_string(),
            ..Told::default()
        }
        .into()
    }
}
