//! Seeing what a file defines.

use std::sync::Arc;

use futures_util::FutureExt;
use tokio::runtime::Handle;

use super::{Code, Kind, internal};
use crate::api::shared::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::io;
use crate::options::Options;
use crate::state::{Role, Setup, State};
use crate::workers::STACK;

/// Runs the file without any connection, on a thread that has as much of a stack as scripts need.
pub(super) fn kind(code: &Arc<Code>, options: &Options) -> Result<Kind> {
    let io = Handle::try_current().ok();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("genesis-lua-load".to_owned())
            .stack_size(STACK);
        let looked = thread.spawn_scoped(scope, || {
            let _io = io.as_ref().map(Handle::enter);
            look(code, options)
        });
        let looked = looked.map_err(|error| {
            let text = format!("a thread for Lua cannot be started: {error}");
            Error::new(ErrorKind::Runtime, text).with_source(error)
        })?;
        looked
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn look(code: &Arc<Code>, options: &Options) -> Result<Kind> {
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
