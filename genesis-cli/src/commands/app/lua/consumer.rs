//! Events, all in one Lua state.

use std::time::Instant;

use super::{Script, Wanted, reloaded, saved, told};
use crate::cli::Connect;
use crate::commands::Interrupts;
use crate::exit::Failure;
use crate::observability::Observed;
use crate::output::Output;

/// Handles events until it is told to end.
pub(in crate::commands::app) async fn consumer(
    mut script: Script,
    connect: &Connect,
    seen: &Observed,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut interrupts = Interrupts::new()?;
    let app = script.begin(Wanted::Consumer)?;
    let runtime = script.runtime(seen)?;
    let builder = connect.builder_following(true)?;
    let begin = async {
        let client = builder.connect(connect.address()).await?;
        seen.follow(&client).await?;
        let running = runtime.consumer(&app, client.clone()).start().await?;
        Ok::<_, Failure>((client, running))
    };
    let (client, mut running) = tokio::select! {
        begun = begin => begun?,
        interrupted = interrupts.wait() => return interrupted,
    };
    tracing::info!("{} handles the events of {}", app.name(), connect.address());
    if let Some(rehearsal) = &mut script.rehearsal {
        rehearsal.begin();
    }
    loop {
        tokio::select! {
            interrupted = interrupts.wait() => {
                interrupted?;
                break;
            }
            reason = running.wait() => return Err(Failure::lost(Some(&reason))),
            () = saved(&mut script.watch) => {
                let began = Instant::now();
                let Some(app) = script.again(Wanted::Consumer) else {
                    continue;
                };
                // it subscribes, which waits for a link that is away
                let result = tokio::select! {
                    result = running.reload(&app) => result,
                    interrupted = interrupts.wait() => {
                        interrupted?;
                        break;
                    }
                };
                match result {
                    Ok(()) => {
                        reloaded(&app, began);
                        if let Some(rehearsal) = &mut script.rehearsal {
                            rehearsal.begin();
                        }
                    }
                    Err(error) => tracing::error!("{error}; the version before it goes on"),
                }
            }
            told = told(&mut script.rehearsal) => told.print(output)?,
        }
    }
    seen.drains();
    tokio::select! {
        _ = running.stop() => {}
        () = interrupts.wait_again() => tracing::warn!("handlers are cut"),
    }
    client.exit().await;
    Ok(())
}
