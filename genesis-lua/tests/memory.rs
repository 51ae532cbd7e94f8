//! What a call's script costs: the allocator is asked.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails")]

mod support;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Stage, soon};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Scripts that wait, so that all of them are up at once.
const CALLS: usize = 50;
const MOST: usize = 128 * 1024;

const SCRIPT: &str = r#"
    genesis.outbound(function(session)
      local channel = session.channel
      channel:answer()
      channel:set_variable("a", "b")
      local digits = channel:digits()
      genesis.log.info("up")
      digits:next()
    end)"#;

const MOD_LUA: &str = r#"
    session:answer()
    session:setVariable("a", "b")
    freeswitch.consoleLog("info", "up\n")
    session:sleep(60000)"#;

// one after the other: the allocator counts what all threads do
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_costs_little_above_the_session_itself() {
    for (way, source) in [("Lua", SCRIPT), ("mod_lua", MOD_LUA)] {
        let measured = measure(source).await;
        // the first round warms up
        let script = measured[4].saturating_sub(measured[3]);
        println!(
            "{way}: with a script {} bytes, without {}, the script {script}: {measured:?}",
            measured[4], measured[3]
        );
        assert!(script > 0 && script < MOST, "{way}: {measured:?}");
    }
}

/// Bytes per call, in turn with a script and without.
async fn measure(source: &str) -> Vec<usize> {
    let stage = Stage::new(source).await;
    // a session without a script, as it is while one waits
    let mut measured = Vec::new();
    for script in [true, false, true, false, true] {
        let mut tasks = Vec::new();
        let region = Region::new(ALLOCATOR);
        for _ in 0..CALLS {
            tasks.push(match script {
                true => stage.call().await,
                false => stage.call_without_script().await,
            });
            if script {
                let (uuid, _) = &tasks[tasks.len() - 1];
                stage.line_of(uuid, "up").await;
            }
        }
        let stats = region.change();
        let live = stats.bytes_allocated - stats.bytes_deallocated;
        measured.push(live / CALLS);
        for (uuid, task) in tasks {
            stage.api("uuid_kill", &uuid).await;
            soon(task).await.unwrap();
        }
    }
    measured
}
