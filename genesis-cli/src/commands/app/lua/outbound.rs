//! Calls, each in a Lua state of its own.

use std::time::Instant;

use genesis_client::{AtDeadline, Outbound};
use genesis_lua::Live;
use ipnet::IpNet;

use super::{Script, Wanted, reloaded, saved, told};
use crate::commands::Interrupts;
use crate::exit::Failure;
use crate::observability::Observed;
use crate::output::Output;

/// Where calls come in.
#[derive(Debug)]
pub(in crate::commands::app) struct Server {
    pub(in crate::commands::app) address: String,
    /// Empty: this machine only.
    pub(in crate::commands::app) allow: Vec<IpNet>,
    pub(in crate::commands::app) max_sessions: usize,
}

/// Takes calls until it is told to end.
pub(in crate::commands::app) async fn outbound(
    mut script: Script,
    server: &Server,
    seen: &Observed,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut interrupts = Interrupts::new()?;
    let app = script.begin(Wanted::Outbound)?;
    let runtime = script.runtime(seen)?;
    let live = Live::new(app);
    let mut builder = Outbound::builder().max_sessions(server.max_sessions);
    if !server.allow.is_empty() {
        builder = builder.allow(server.allow.iter().copied());
    }
    let bound = builder.bind(&*server.address).await;
    let outbound = bound.map_err(|error| Failure::failed(error.to_string()))?;
    // it is bound: who reads the line may ask at once
    seen.listens();
    tracing::info!(
        "{} waits for calls on {}",
        live.current().name(),
        outbound.local_addr()?
    );
    let drain = outbound.drain();
    let mut serving = tokio::spawn(outbound.serve(runtime.outbound(&live)));
    if let Some(rehearsal) = &mut script.rehearsal {
        rehearsal.begin();
    }
    loop {
        tokio::select! {
            interrupted = interrupts.wait() => {
                interrupted?;
                break;
            }
            () = saved(&mut script.watch) => {
                let began = Instant::now();
                if let Some(app) = script.again(Wanted::Outbound) {
                    // calls that are up hold the version that they began with
                    drop(live.swap(app));
                    reloaded(&live.current(), began);
                    if let Some(rehearsal) = &mut script.rehearsal {
                        rehearsal.begin();
                    }
                }
            }
            told = told(&mut script.rehearsal) => told.print(output)?,
        }
    }
    if let Some(rehearsal) = &script.rehearsal {
        rehearsal.leave().await;
    }
    seen.drains();
    let calls = drain.calls();
    if calls > 0 {
        let patience = script.drain.as_secs_f64();
        tracing::info!("takes no more calls; {calls} may finish within {patience} s");
    }
    let drained = async {
        drain.start(script.drain, AtDeadline::Resume).await;
        // it ends in order when nothing is left
        (&mut serving).await
    };
    tokio::select! {
        ended = drained => {
            ended.map_err(|error| Failure::failed(format!("the server failed: {error}")))??;
        }
        () = interrupts.wait_again() => {
            tracing::warn!("{} calls are cut", drain.calls());
            serving.abort();
        }
    }
    Ok(())
}
