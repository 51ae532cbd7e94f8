//! What a script may not do, and that it ends nobody but itself.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use genesis_lua::Options;
use support::{Stage, options, soon};

/// A script that does `body`, beside which another call lives on.
async fn ends_itself(body: &str, expected: &str) -> support::Line {
    let mut options = options();
    options.threads = 1;
    ends_itself_with(body, expected, options).await
}

async fn ends_itself_with(body: &str, expected: &str, options: Options) -> support::Line {
    let source = format!(
        "if false then return end
        genesis.outbound(function(session)
          session.channel:answer()
          if session:variable('quiet') then
            local digits = session.channel:digits() genesis.log.info('waits')
            if digits:next() then genesis.log.info('lived on') end
            return
          end
          {body}
          genesis.log.info('went on')
        end)"
    );
    let stage = Stage::with(&source, options).await;
    // the same thread has another call
    let (uuid, task) = stage.call_in("async full", "quiet=yes").await;
    stage.line("waits").await;
    let begun = Instant::now();
    let line = stage.fails().await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(line.text.contains(expected), "{line:#?}");
    let path = stage.path.canonicalize().unwrap();
    assert!(
        line.text.contains(&*path.display().to_string()),
        "{line:#?}"
    );
    assert!(stage.lines().iter().all(|line| line.text != "went on"));

    stage.api("uuid_recv_dtmf", &format!("{uuid} 1")).await;
    stage.line("lived on").await;
    soon(task).await.unwrap();
    let stats = stage.runtime.stats();
    assert_eq!(
        (stats.succeeded, stats.failed),
        (1, 1),
        "{:#?}",
        stage.lines()
    );
    line
}

const COMPUTED: &str = "computed for more than 200ms without pausing";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_is_stopped() {
    let line = ends_itself("while true do end", COMPUTED).await;
    assert!(line.text.contains(".lua:9: "), "{line:#?}");
    assert!(line.traceback.contains(".lua:9: in function"), "{line:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_in_a_coroutine_is_stopped() {
    ends_itself(
        "local co = coroutine.create(function() while true do end end) coroutine.resume(co)",
        COMPUTED,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_in_coroutines_that_pauses_between_is_stopped() {
    ends_itself(
        "while true do
           coroutine.resume(coroutine.create(function() while true do end end))
           genesis.sleep(0)
         end",
        COMPUTED,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_under_pcall_is_stopped() {
    ends_itself(
        "local function f() while true do end end
         pcall(function() while true do pcall(function() while true do pcall(f) end end) end end)
         while true do pcall(f) end",
        COMPUTED,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_under_xpcall_close_and_metamethods_is_stopped() {
    ends_itself(
        "local function f() while true do end end
         local t = setmetatable({}, { __index = f, __close = f, __len = f, __lt = f, __tostring = f })
         while true do
           xpcall(f, function(e) while true do end end)
           pcall(function() local x <close> = t end)
           pcall(table.sort, { t, t, t })
           pcall(string.gsub, ('x'):rep(100), 'x', f)
           pcall(tostring, t)
         end",
        COMPUTED,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_that_backtracks_is_stopped() {
    for call in [
        "string.find(s, p)",
        "s:match(p)",
        "s:gsub(p, '')",
        "(function() for x in s:gmatch(p) do end end)()",
        "pcall(string.find, s, p)",
    ] {
        let body = format!(
            "local s, p = ('a'):rep(3000), ('.-'):rep(20) .. 'b'
             while true do {call} end"
        );
        ends_itself(&body, COMPUTED).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_run_for_hours_in_one_instruction_is_refused() {
    let stage = Stage::new(
        r#"
        local function refused(f, ...)
          local ok, e = pcall(f, ...)
          assert(not ok, "it was not refused")
        end
        genesis.outbound(function(session)
          local liar = setmetatable({}, { __len = function() return 1 << 50 end })
          assert(string.rep("", 1 << 60) == "")
          refused(string.rep, "x", 1 << 40)
          refused(table.move, {}, 1, 1 << 60, 2)
          refused(table.insert, liar, 1, 1)
          refused(table.remove, liar, 1)
          refused(table.concat, liar)
          refused(table.sort, liar)
          refused(string.find, ("a"):rep(100000), ("(a)"):rep(40))
          assert(table.concat({ 1, 2, 3 }, "-") == "1-2-3")
          assert(("ab"):rep(3, ",") == "ab,ab,ab")
        end)"#,
    )
    .await;
    stage.passes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_hog_is_stopped() {
    let mut options = Options::default();
    options.threads = 1;
    options.memory = 2 << 20;
    // the memory is to end first, on any machine
    options.computing = Duration::from_secs(20);
    let expected = "not enough memory: a script's values may take 2097152 bytes";
    for body in [
        "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
        "local s = 'x' while true do s = s .. s end",
        "local s = ('x'):rep(100) while true do s = s:gsub('x', 'xxxx') end",
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} while true do t = { t, t, t, t, t, t, t, t } end",
        "local s = ('x'):rep(1 << 19) s = s:rep(5)",
        "local s = ('x'):rep(1 << 20)",
        "coroutine.wrap(function() local t = {} while true do t[#t + 1] = {} end end)()",
        "local function hog() local t = {} while true do t[#t + 1] = {} end end
          hog()",
        "genesis.sleep(0.001) local t = {} for i = 1, 1e7 do t['x' .. i] = i end",
    ] {
        let line = ends_itself_with(body, expected, options.clone()).await;
        let place = format!(
            ".lua:9: {}",
            if body.contains("rep(5)") {
                "'rep'"
            } else {
                "not"
            }
        );
        assert!(line.text.contains(&place), "{body}: {line:#?}");
        assert!(line.traceback.contains(".lua:9: in "), "{body}: {line:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_comes_with_the_way_to_it() {
    let line = ends_itself(
        "local function inner() error({ code = 1 }) end
          local function outer() inner() return 1 end
          local ok, e = pcall(outer)
          assert(e.code == 1)
          local function fails() local x = nil + 1 end
          genesis.span('menu', function() fails() return 1 end)",
        "attempt to perform arithmetic on a nil value",
    )
    .await;
    assert!(line.text.contains(".lua:13: "), "{line:#?}");
    assert!(line.traceback.contains("in upvalue 'fails'"), "{line:#?}");
    assert!(!line.traceback.contains("__mlua"), "{line:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_operation_that_nobody_catches_ends_the_script() {
    ends_itself(
        "session.channel:wait('CHANNEL_BRIDGE', 0.01)",
        "CHANNEL_BRIDGE did not happen within 10ms",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_hangs_up_twice_does_no_harm() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          session.channel:answer()
          session.channel:hangup("USER_BUSY")
          session.channel:hangup("CALL_REJECTED")
          local ok, e = pcall(session.channel.playback, session.channel, "short.wav")
          assert(not ok and e.kind == "hung_up", tostring(e))
          genesis.log.info("cause " .. session.channel:ended())
        end)"#,
    )
    .await;
    stage.passes().await;
    stage.line("cause USER_BUSY").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_in_a_hangup_handler_ends_that_handler() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          session.channel:answer()
          session.channel:on_hangup(function(cause) error("in the hook of " .. cause) end)
          session.channel:on_hangup(function(cause) genesis.log.info("second hook") end)
          session.channel:hangup()
          genesis.log.info("the script is done")
        end)"#,
    )
    .await;
    stage.run().await;
    let line = stage.line("a handler of the script failed").await;
    assert!(
        line.text.contains(".lua:4: in the hook of NORMAL_CLEARING"),
        "{line:#?}"
    );
    stage.line("second hook").await;
    stage.line("the script is done").await;
    let stats = stage.runtime.stats();
    assert_eq!((stats.succeeded, stats.callbacks_failed), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_script_ends_its_call_with_the_configured_cause() {
    let stage =
        Stage::new("genesis.outbound(function(s) s.channel:answer() error('no') end)").await;
    let (uuid, task) = stage.call().await;
    soon(task).await.unwrap();
    stage
        .event("CHANNEL_HANGUP", "Hangup-Cause", "NORMAL_TEMPORARY_FAILURE")
        .await;
    assert!(!stage.sim.switch().channels().contains(&uuid));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_defines_no_handler_this_time_fails_the_call() {
    // whoever looks at the file first allows it more than the call has
    let source = "if pcall(string.rep, 'x', 4 << 20) then
        genesis.outbound(function(session) session.channel:answer() end)
      end";
    let mut options = options();
    options.memory = 2 << 20;
    let stage = Stage::with(source, options).await;
    let line = stage.fails().await;
    let full = stage.path.canonicalize().unwrap();
    let full = full.display();
    let expected = format!("a script failed: {full}: this time it defines no handler for the call");
    assert!(line.text.starts_with(&expected), "{line:#?}");
    stage
        .event("CHANNEL_HANGUP", "Hangup-Cause", "NORMAL_TEMPORARY_FAILURE")
        .await;
    assert_eq!(stage.runtime.stats().failed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_goes_on_after_its_call_is_stopped() {
    let mut options = options();
    options.grace = Duration::from_millis(50);
    let source = "genesis.outbound(function(s) s.channel:hangup() genesis.sleep(3600) end)";
    let stage = Stage::with(source, options).await;
    let line = stage.fails().await;
    assert!(
        line.text.contains("had not ended 50ms after its call"),
        "{line:#?}"
    );
    stage.no_states().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_when_a_script_is_dropped_is_stopped_too() {
    let mut options = options();
    options.threads = 1;
    options.grace = Duration::from_millis(50);
    let source = "genesis.outbound(function(session)
        if session:variable('quiet') then return genesis.log.info('next') end
        local forever = function() while true do pcall(function() while true do end end) end end
        local kept <close> = setmetatable({}, { __close = forever })
        genesis.span('inner', function()
          local kept <close> = setmetatable({}, { __close = forever })
          session.channel:hangup()
          genesis.sleep(3600)
        end)
      end)";
    let stage = Stage::with(source, options).await;
    let line = stage.fails().await;
    assert!(
        line.text.contains("had not ended 50ms after its call"),
        "{line:#?}"
    );
    let (_, task) = stage.call_in("async full", "quiet=yes").await;
    soon(task).await.unwrap();
    stage.line("next").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_computes_in_c_is_stopped() {
    let short = "local function f(a) return a end local big = ('x'):rep(1000000)";
    for body in [
        // the length is asked once
        "local n = 0
         table.insert(setmetatable({}, { __len = function() n = n + 1 return n == 1 and 0 or 1 << 50 end }), 1, 1)
         while true do end",
        // an index that is a function of C
        "table.concat(setmetatable({}, { __len = function() return 1 << 18 end, __index = getmetatable, __metatable = '' }))
         while true do end",
        "local a, b, t = big .. 'a', big .. 'b', {} for i = 1, 50000 do t[i] = i % 2 == 0 and a or b end
         while true do table.sort(t) end",
        "local s = ('::a%d::'):rep(1)
         local t = {} for i = 1, 30000 do t[i] = '::a' .. i .. '::' end
         local source = ('do ' .. table.concat(t) .. ' end '):rep(2)
         while true do load(source) end",
        "while true do big:find('[' .. ('a'):rep(500000) .. ']') end",
        "while true do ('a'):rep(100000):gsub('.', ('%0'):rep(30)) end",
        "while true do string.rep('', '1152921504606846976') end",
    ] {
        let body = format!("{short} {}", body.replace('\n', " "));
        ends_itself(&body, COMPUTED).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_take_more_than_the_memory_is_refused_before_it_is_made() {
    let mut options = options();
    options.computing = Duration::from_secs(20);
    let stage = Stage::with(
        r#"
        genesis.outbound(function(session)
          local function refused(f, ...)
            local ok, e = pcall(f, ...)
            assert(not ok and tostring(e):find("not enough memory", 1, true), tostring(e))
          end
          local a = ("a"):rep(1000000)
          refused(string.gsub, a, ".*", ("%0"):rep(1000000))
          refused(string.gsub, a, ".", a)
          refused(string.gsub, a, ".", function() return a end)
          refused(string.gsub, a, ".", { a = a })
          refused(table.move, {}, "1", "1152921504606846976", 2)
          refused(string.rep, "x", "1152921504606846976")
          refused(string.rep, "", 1 << 60, a)
          refused(string.format, ("%s"):rep(100), table.unpack((function() local t = {} for i = 1, 100 do t[i] = a end return t end)()))
          local sparse = {}
          for i = 0, 62 do sparse[1 << i] = true end
          if #sparse > 1 << 40 then
            refused(table.insert, sparse, 1, 1)
            refused(table.remove, sparse, 1)
          end
          assert(string.rep("", "1152921504606846976") == "")
        end)"#,
        options,
    )
    .await;
    stage.passes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_that_call_each_other_through_c_end_with_an_error() {
    for body in [
        "local function f() return (('x'):gsub('x', f)) end f()",
        "local function f() return pcall(f) end local function g() return select(2, pcall(g)) end
         error(select('#', f()) > 0 and 'stack overflow')",
        "local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end tostring(t)",
        "local function f() return coroutine.wrap(f)() end f()",
        "local t = {} setmetatable(t, { __index = function(t, k) return t[k + 1] end }) local x = t[1]",
        "local function f() return genesis.span('x', f) end f()",
        "local function f() table.sort({ 3, 1, 2 }, function() f() end) end f()",
        "local function f() f() end f()",
        "local function f() return load(f) end
         local function g() local h = load(function() g() end) end g() error('overflow')",
    ] {
        let body = body.replace('\n', " ");
        // some are stopped before their stack is full
        let line = ends_itself(&body, "").await;
        assert!(line.text.contains(".lua:9: "), "{body}: {line:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_every_kind_say_what_and_where() {
    for (body, expected) in [
        (
            "error({ code = 5, text = 'no', 1 })",
            "an error that is a table: { 1, code = 5, text = \"no\" }",
        ),
        ("error(nil)", "an error that is nil"),
        (
            "error(setmetatable({}, { __tostring = function() return 'my own' end }))",
            "my own",
        ),
        (
            "error(setmetatable({ a = 1 }, { __tostring = function() while true do end end }))",
            "computed for more than 200ms",
        ),
        (
            "error(setmetatable({ a = 1 }, { __tostring = function() error({}) end }))",
            "an error that is a table: { a = 1 }",
        ),
        ("error('plain', 0)", "plain"),
        ("error(true)", "an error that is a boolean: true"),
        ("table.sort({ 1, {} })", "attempt to compare"),
        (
            "string = nil table = nil genesis.log.info('a', 1) tostring = nil error = nil genesis.log.info('b') local x = nil + 1",
            "arithmetic on a nil value",
        ),
        ("session.foo = 1", "session is not a table"),
        (
            "table.insert(1, 1)",
            "bad argument #1 to 'insert' (table expected, got number)",
        ),
    ] {
        let line = ends_itself(body, expected).await;
        assert!(line.text.contains(".lua:9: "), "{body}: {line:#?}");
        assert!(!line.text.contains("?:-1:"), "{body}: {line:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_that_are_called_by_gsub_and_sort_may_pause() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          session.channel:answer()
          local s, n = ("a1b2"):gsub("%d", function(d) session.channel:playback("short.wav") return "<" .. d .. ">" end)
          assert(s == "a<1>b<2>" and n == 2, s)
          local t = { 3, 1, 2 }
          table.sort(t, function(a, b) genesis.sleep(0.001) return a < b end)
          assert(table.concat(t) == "123")
          for d in ("12"):gmatch("%d") do session.channel:playback("short.wav") end
        end)"#,
    )
    .await;
    stage.passes().await;
    for body in [
        "tostring(setmetatable({}, { __tostring = function() genesis.sleep(0.001) return 'x' end }))",
        "assert(load(function() genesis.sleep(0.001) return 'x' end))",
    ] {
        let line = ends_itself(body, "cannot wait here").await;
        assert!(line.text.contains(".lua:9: "), "{body}: {line:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_to_the_switch_is_bounded_and_one_line() {
    let mut options = options();
    options.computing = Duration::from_secs(20);
    let stage = Stage::with(
        r#"
        genesis.outbound(function(session)
          local channel = session.channel
          channel:answer()
          local function refused(with, f, ...)
            local ok, e = pcall(f, ...)
            assert(not ok and tostring(e):find(with, 1, true), tostring(e))
          end
          local big, many, list = ("x"):rep(1 << 20), {}, {}
          for i = 1, 1000 do many["v" .. i], list[i] = big, big end
          refused("more than 10485760 bytes", channel.set_variables, channel, many)
          refused("more than 10485760 bytes", genesis.ring_group, { destinations = list })
          refused("more than 10485760 bytes", genesis.span, "x", many, print)
          refused("at most 4096", genesis.regex, big)
          refused("set_variable: argument 2 (the value) holds a line feed", channel.set_variable, channel, "a", "b\n")
          refused("set_variables: the value of a holds a line feed", channel.set_variables, channel, { a = "b\n" })
          channel:execute("set", "note=a\nb")
          assert(channel:get_variable("note") == "a\nb")
          channel:set_variables({ a = "b" })
          assert(channel:get_variable("a") == "b")
        end)"#,
        options,
    )
    .await;
    stage.passes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_that_are_loaded_late_are_those_of_the_beginning() {
    let stage = Stage::new(
        r#"
        genesis.outbound(function(session)
          local concat, sort, pack = table.concat, table.sort, string.pack
          local raw = { select, type, error, tonumber, ipairs, string, table, math, utf8, os, pcall, next }
          local say = genesis.log.info
          string.format, string.find, math.random, table.unpack = nil, nil, nil, nil
          select, type, error, tonumber, ipairs, string, table, math, utf8, os, pcall, next = nil
          local t = { 3, 1, 2 }
          sort(t)
          say("sorted " .. concat(t, ",") .. #pack("i4", 1) .. ("ab"):rep(2, "-"))
        end)"#,
    )
    .await;
    stage.passes().await;
    stage.line("sorted 1,2,34ab-ab").await;
}
