//! Calls that scripts handle.

mod support;

use genesis_lua::{App, Kind};
use support::{Stage, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_answers_plays_asks_and_hangs_up() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          local channel = session.channel
          assert(channel.uuid == session.uuid)
          assert(session:header("Unique-ID") == session.uuid)
          assert(session.data["unique-id"] == session.uuid)
          channel:answer()
          assert(channel.was_answered and channel.answer_state == "answered")
          local played = channel:playback("short.wav")
          assert(played.response == "FILE PLAYED", tostring(played.response))
          channel:set_variables { a = "1", b = 2 }
          assert(channel:get_variable("a") == "1" and channel:get_variable("c") == nil)
          local execution = channel:playback("short.wav", { wait = false })
          assert(#execution.uuid > 0)
          execution:complete()
          local ok, e = pcall(execution.complete, execution)
          assert(not ok and e.kind == "invalid_argument", tostring(e))
          assert(session.client:api("echo", "hello") == "hello")
          assert(channel:header("Unique-ID") == session.uuid)
          genesis.sleep(0.01)
          genesis.log.info("all", "well", 1)
          channel:hangup("USER_BUSY")
          assert(channel:ended() == "USER_BUSY")
        end)"#,
    )
    .await;
    stage.passes().await;
    let line = stage.line("all\twell\t1").await;
    assert!(
        line.place.contains(&format!("{}.lua:21", stage.name)),
        "{line:?}"
    );
    assert_eq!(stage.runtime.stats().succeeded, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operations_work_inside_coroutines_pcall_and_spans() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          local channel = session.channel
          channel:answer()
          local values = {}
          local co = coroutine.wrap(function(a)
            local b = coroutine.yield(a .. session.client:api("echo", "1"))
            genesis.sleep(0.001)
            return b .. session.client:api("echo", "2")
          end)
          values[1] = co("a")
          values[2] = co("b")
          assert(values[1] == "a1" and values[2] == "b2", values[1] .. values[2])
          local sum, text = genesis.span("menu", { number = 1, text = "x", yes = true }, function(x)
            return x + 1, session.client:api("echo", "in")
          end, 41)
          assert(sum == 42 and text == "in")
          local ok, e = pcall(genesis.span, "menu", function() error({ code = 7 }) end)
          assert(not ok and e.code == 7)
          ok, e = pcall(channel.wait, channel, "CHANNEL_BRIDGE", 0.01)
          assert(not ok and e.kind == "timeout", tostring(e))
          assert(e.place:find("%.lua:20$"), e.place)
          assert(tostring(e):find("%.lua:20: "), tostring(e))
        end)"#,
    )
    .await;
    stage.passes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_are_told_in_words() {
    let stage = Stage::new(
        r#"
        local function fails(pattern, f, ...)
          local ok, e = pcall(f, ...)
          assert(not ok, "it did not fail: " .. pattern)
          assert(tostring(e):find(pattern), tostring(e) .. " is not " .. pattern)
        end
        genesis.outbound(function(session)
          local channel = session.channel
          fails("has no option 'tires'; it has min, max, tries", channel.play_and_get_digits, channel, "x", { tires = 3 })
          fails("option tries must be a whole number", channel.play_and_get_digits, channel, "x", { tries = "many" })
          fails("argument 1 must be the file", channel.playback, channel)
          fails("call it with a colon", channel.playback, "x.wav")
          fails("is no hangup cause", channel.hangup, channel, "NORMAL_CLAERING")
          fails("has no 'playbcak'; its methods are answer", function() return channel.playbcak end)
          fails("io.open is not available: ", function() io.open("x") end)
          fails("os.exit is not available: ", function() os.exit(1) end)
          fails("debug.sethook is not available: ", function() debug.sethook() end)
          fails("package.loadlib is not available: ", function() package.loadlib("x", "y") end)
          fails("dofile is not available: ", function() dofile("x") end)
          fails("bytecode", load, "\27Lua", "x", "b")
          assert(load("\27Lua") == nil)
          fails("__gc is not available", setmetatable, {}, { __gc = function() end })
          fails("there was no module 'nothing'", require, "nothing")
          fails("this runs as an outbound application", genesis.consumer)
          fails("while the file loads, not later", genesis.outbound, function() end)
          fails("is no state", channel.wait, channel, "SOMETIME")
          fails("seconds, a number from 0", genesis.sleep, -1)
          assert(os.time() > 0 and os.getenv("PATH") and load("return 1")() == 1)
        end)"#,
    )
    .await;
    stage.passes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_ends_the_script_without_a_failure() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          session.channel:answer()
          session.channel:on_hangup(function(cause) genesis.log.info("hung up: " .. cause) end)
          session.channel:playback("music.wav")
          session.channel:playback("music.wav")
          error("not reached")
        end)"#,
    )
    .await;
    let (uuid, task) = stage.call().await;
    stage.event("PLAYBACK_START", "Unique-ID", &uuid).await;
    stage.api("uuid_kill", &format!("{uuid} USER_BUSY")).await;
    soon(task).await.unwrap();
    stage.line("hung up: USER_BUSY").await;
    let stats = stage.runtime.stats();
    assert_eq!(
        (stats.succeeded, stats.failed),
        (1, 0),
        "{:#?}",
        stage.lines()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_reach_their_handlers_while_the_script_waits() {
    let stage = Stage::new(
        r##"
        genesis.outbound(function(session)
          local channel = session.channel
          channel:answer()
          local digits = channel:digits()
          local seen = ""
          channel:on_digit("1", function(digit) seen = seen .. "one " end)
          channel:on_any_digit(function(digit, seconds) genesis.sleep(0.001) seen = seen .. digit .. " " end)
          genesis.log.info("ready")
          assert(digits:next(20) == "1")
          assert(digits:next(20) == "5")
          assert(digits:next(0.01) == nil)
          assert(digits:next(20) == "#")
          genesis.sleep(0.05)
          assert(seen == "one 5 # ", seen)
        end)"##,
    )
    .await;
    let (uuid, task) = stage.call().await;
    stage.line("ready").await;
    stage.api("uuid_recv_dtmf", &format!("{uuid} 15")).await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    stage.api("uuid_recv_dtmf", &format!("{uuid} #")).await;
    soon(task).await.unwrap();
    assert_eq!(stage.runtime.stats().failed, 0, "{:#?}", stage.lines());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_calls_run_the_new_version_and_live_ones_the_old() {
    let source = |version: u32| {
        format!(
            "genesis.outbound(function(session)
              genesis.log.info('begins {version}')
              session.channel:wait('CHANNEL_HOLD', 20)
              genesis.log.info('ends {version}')
            end)"
        )
    };
    let stage = Stage::new(&source(1)).await;
    let (old, old_task) = stage.call().await;
    stage.line("begins 1").await;

    std::fs::write(&stage.path, "genesis.outbound(function(").unwrap();
    let error = App::load(&stage.path).unwrap_err();
    assert_eq!(error.place().unwrap().1, 1);
    std::fs::write(&stage.path, source(2)).unwrap();
    let app = App::load(&stage.path).unwrap();
    assert_eq!(app.kind(), Kind::Outbound);
    stage.live.swap(app);

    let (new, new_task) = stage.call().await;
    stage.line("begins 2").await;
    for uuid in [&old, &new] {
        stage.api("uuid_answer", uuid).await;
        stage.api("uuid_hold", uuid).await;
    }
    stage.line("ends 1").await;
    stage.line("ends 2").await;
    soon(old_task).await.unwrap();
    soon(new_task).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_hangs_up_whatever_ends_its_block_unless_it_is_told_to_keep() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          session.channel:answer()
          local function call(keeps)
            local leg = session.client:originate("loopback/sales")
            local guard <close> = leg:hangup_on_drop("USER_BUSY")
            if keeps then
              guard:keep()
              guard:keep()
              return leg
            end
            genesis.log.info("calls " .. leg.uuid)
            error("no")
          end
          assert(not pcall(call, false))
          genesis.log.info("keeps " .. call(true).uuid)
          assert(not pcall(session.channel.hangup_on_drop, session.channel, "NO_SUCH_CAUSE"))
        end)"#,
    )
    .await;
    stage.passes().await;
    let uuid = |line: support::Line| line.text.rsplit(' ').next().unwrap_or_default().to_owned();
    let (gone, kept) = (
        uuid(stage.line("calls ").await),
        uuid(stage.line("keeps ").await),
    );
    let ended = stage
        .event("CHANNEL_HANGUP", "Hangup-Cause", "USER_BUSY")
        .await;
    assert_eq!(ended, gone);
    assert!(stage.sim.switch().has_channel(&kept));
}
