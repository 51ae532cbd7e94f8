//! Seeing what a file defines.

use std::sync::Arc;

use futures_util::FutureExt;

use super::{Code, Kind, internal};
use crate::api::shared::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::io;
use crate::options::Options;
use crate::state::{Role, Setup, State};

/// Runs the file without any connection.
pub(super) fn kind(code: &Arc<Code>, options: &Options) -> Result<Kind> {
    let (remote, driver) = io::pair();
    drop(driver);
    let state = State::new(Setup {
        code: code.clone(),
        limits: options.limits(),
        remote,
        shared: Arc::new(Shared::new()),
        role: Role::Probe,
        client: None,
        threads: 0,
    });
    let state = state.map_err(|error| internal(&error))?;
    let main = code.main(&state.lua).map_err(|error| internal(&error))?;
    // nothing that runs here waits for anything
    let ran = state.run(main, ()).now_or_never();
    let context = &state.context;
    if !context.was_stopped()
        && let Some(Err(trouble)) = ran
    {
        return Err(Error::script(trouble));
    }
    let path = code.main_path().display();
    match (context.is_consumer(), context.is_outbound()) {
        (true, true) => Err(Error::new(
            ErrorKind::WrongKind,
            format!(
                "{path}: defines a consumer and an outbound application; it can be one of them"
            ),
        )),
        (true, false) => Ok(Kind::Consumer),
        (false, true) => Ok(Kind::Outbound),
        (false, false) if context.is_script() => Ok(Kind::Script),
        (false, false) => Err(Error::new(
            ErrorKind::NothingDefined,
            format!(
                "{path}: defines nothing: call genesis.outbound(function(session) … end) to handle \
                 calls, or genesis.consumer() to handle events"
            ),
        )),
    }
}
