//! The `session` and `freeswitch` objects of mod_lua.

use mlua::{Error, Result};

use crate::api::LuaSession;
use crate::state::State;

/// Puts the objects into a state, before its file runs.
pub(crate) fn install(_state: &State, _session: &LuaSession) -> Result<()> {
    Err(Error::runtime(
        "scripts in mod_lua's way cannot be run yet: write genesis.outbound(function(session) … end)",
    ))
}
