//! What the objects of mod_lua do, function by function.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails")]

mod support;

use std::time::Duration;

use genesis_lua::client::Session;
use support::{Stage, options, soon};

/// Runs a script whose assertions must hold.
async fn passes(source: &str) -> Stage {
    let stage = Stage::new(source).await;
    stage.passes().await;
    stage
}

impl Stage {
    async fn press(&self, uuid: &str, digits: &str) {
        let answer = self
            .api("uuid_recv_dtmf", &format!("{uuid} {digits}"))
            .await;
        assert!(answer.starts_with("+OK"), "{answer}");
    }

    /// The call whose script has begun; does `then` with it and waits for the script's end.
    async fn during<F: Future>(&self, then: impl FnOnce(String) -> F) -> String {
        let (uuid, task) = self.call().await;
        soon(then(uuid.clone())).await;
        soon(task).await.unwrap();
        let stats = self.runtime.stats();
        assert_eq!(stats.failed, 0, "{:#?}", self.lines());
        uuid
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_up_gives_what_mod_lua_gives() {
    passes(
        r##"
        assert(session:ready() == true)
        assert(session:answer() == 1 and session:preAnswer() == 1)
        assert(session:answered() == true and session:mediaReady() == true)
        assert(session:bridged() == false)
        assert(session:getState() == "CS_EXECUTE", session:getState())
        assert(session:hangupCause() == "NONE")
        assert(session.uuid == session:get_uuid() and _G[session.uuid] == session)
        assert(session.allocated == 1 and session.tts_name == nil)
        assert(argv[0]:find("^app") and #argv == 0)

        assert(session:setVariable("colour", "blue") == nil)
        assert(session:getVariable("colour") == "blue")
        session:setVariable("number", 7)
        assert(session:getVariable("number") == "7")
        session:setVariable("colour", nil)
        assert(session:getVariable("colour") == nil)
        assert(session:getVariable(nil) == nil)

        assert(session:streamFile("short.wav") == 1)
        assert(session:streamFile("short.wav", 800) == 1)
        assert(session:streamFile(nil) == 0)
        assert(session:sleep(5) == 1 and session:sleep(0) == 1 and session:sleep("5") == 1)
        assert(session:say("7", "en", "number", "pronounced") == nil)
        assert(session:say("two words", "en", "name_spelled", "iterated", "masculine") == nil)
        assert(session:say("7", "en", "number") == nil)
        assert(session:sayPhrase("msg", "1:2", "en") == nil)
        assert(session:getVariable("language") == nil)
        assert(session:speak("hello") == 1, "without an engine it is 1, as in mod_lua")
        assert(session:execute("set", "a=b") == nil and session:getVariable("a") == "b")
        assert(session:execute(nil) == nil)
        assert(session:flushDigits() == 0 and session:flushEvents() == 0)
        assert(session:collectDigits(5) == 0 and session:collectDigits(5, 5) == 0)
        assert(session:getDigits(3, "#", 5) == "" and session:getDigits(0, "#", 5) == "")
        assert(session:recordFile("a b.wav", 1) == 1)
        assert(session:begin_allow_threads() and session:end_allow_threads())
        assert(session:setAutoHangup(false) == 0)
        "##,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_hangup_the_script_goes_on_quietly() {
    let stage = passes(
        r##"
        session:answer()
        session:setVariable("kept", "yes")
        session:hangup("user_busy")
        assert(session:ready() == false and session:answered() == true)
        assert(session:bridged() == false and session:mediaReady() == false)
        assert(session:hangupCause() == "USER_BUSY", session:hangupCause())
        assert(session:answer() == 0 and session:preAnswer() == 0)
        assert(session:streamFile("short.wav") == 0 and session:recordFile("a.wav") == 0)
        assert(session:sleep(100000) == 1)
        assert(session:getDigits(1, "#", 100000) == "" and session:read(1, 1, "short.wav", 5000, "#") == "")
        assert(session:playAndGetDigits(1, 1, 3, 5000, "#", "short.wav", "short.wav", "\\d") == "")
        assert(session:speak("x") == 1)
        session:set_tts_params("flite", "kal")
        assert(session:speak("x") == 0)
        assert(session:transfer("sales") == 0 and session:collectDigits(100000) == 0)
        assert(session:say("7", "en", "number", "pronounced") == nil)
        assert(session:execute("playback", "short.wav") == nil)
        assert(session:setVariable("x", "y") == nil)
        assert(session:getVariable("kept") == "yes", "what was known last")
        assert(session:flushDigits() == 0 and session:setAutoHangup(true) == 0)
        session:hangup()
        session:waitForAnswer()
        local after = { CS_HANGUP = true, CS_REPORTING = true, CS_DESTROY = true }
        assert(after[session:getState()], session:getState())
        -- the connection outlives the call
        assert(freeswitch.API():execute("echo", "still here") == "still here")
        freeswitch.consoleLog("info", "all of it\n")
        "##,
    )
    .await;
    stage.line("all of it").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_hangs_up_while_the_script_plays() {
    let stage = Stage::new(
        r##"
        local order = {}
        blue = { colour = "blue" }
        function on_hangup(s, why, argument)
          table.insert(order, "hook")
          assert(s == session and why == "hangup" and argument == blue)
          assert(not s:ready())
          freeswitch.consoleLog("info", "the hook has run")
          error("a hook that fails")
        end
        session:setHangupHook("on_hangup", "blue")
        session:answer()
        freeswitch.consoleLog("info", "playing")
        assert(session:streamFile("music.wav") == 0)
        table.insert(order, "after")
        assert(table.concat(order, " ") == "hook after", table.concat(order, " "))
        assert(session:ready() == false)
        assert(session:hangupCause() == "CALL_REJECTED", session:hangupCause())
        freeswitch.consoleLog("info", "the end")
        "##,
    )
    .await;
    stage
        .during(|uuid| async {
            let uuid = uuid;
            stage.line("playing").await;
            stage
                .api("uuid_kill", &format!("{uuid} CALL_REJECTED"))
                .await;
            stage.line("the hook has run").await;
            let line = stage.line("a hook that fails").await;
            assert_eq!(line.level, "ERROR");
            assert!(line.text.contains(".lua:9: a hook that fails"), "{line:?}");
            stage.line("the end").await;
        })
        .await;
    assert_eq!(stage.runtime.stats().callbacks_failed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_hook_can_end_the_script() {
    let stage = Stage::new(
        r##"
        function on_hangup() return "exit" end
        session:setHangupHook("on_hangup")
        session:answer()
        session:hangup()
        freeswitch.consoleLog("info", "not reached")
        "##,
    )
    .await;
    stage.passes().await;
    assert!(
        !stage
            .lines()
            .iter()
            .any(|line| line.text.contains("not reached"))
    );
    assert_eq!(stage.runtime.stats().succeeded, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_ends_the_session_and_not_the_script() {
    let stage = Stage::new(
        r##"
        function on_hangup(s, why) freeswitch.consoleLog("info", "hook: " .. why) end
        session:setHangupHook("on_hangup")
        session:answer()
        assert(session:transfer("sales", "XML", "default") == 1)
        assert(session:ready() == false)
        assert(session:streamFile("short.wav") == 0)
        "##,
    )
    .await;
    let uuid = stage.run().await;
    assert_eq!(stage.runtime.stats().failed, 0, "{:#?}", stage.lines());
    stage.line("hook: transfer").await;
    assert!(stage.sim.switch().has_channel(&uuid));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_pressed_while_a_file_plays_wait_for_who_asks() {
    let stage = Stage::new(
        r##"
        session:answer()
        session:setVariable("playback_terminators", "#")
        freeswitch.consoleLog("info", "playing")
        assert(session:streamFile("some.wav") == 1)
        assert(session:getVariable("playback_terminators") == "#")
        assert(session:getDigits(2, "#", 1000) == "1*")
        assert(session:read(1, 4, "music.wav", 5000, "#") == "23")
        assert(session:getDigits(1, "", 5) == "", "what the question saw is gone")
        freeswitch.consoleLog("info", "again")
        assert(session:sleep(100) == 1)
        local got = session:playAndGetDigits(2, 5, 1, 5000, "", "music.wav", "", "^4\\d$", "choice", 200)
        assert(got == "45", got)
        assert(session:getVariable("choice") == "45")
        -- an application takes what it hears, and stops at its terminator
        session:execute("playback", "music2.wav")
        assert(session:getVariable("playback_terminator_used") == "#")
        assert(session:getDigits(1, "", 5) == "")
        assert(session:playAndGetDigits(1, 1, 1, 1000, "#", "short.wav", "short.wav", "7") == "")
        "##,
    )
    .await;
    stage
        .during(|uuid| async {
            let uuid = uuid;
            stage.line("playing").await;
            stage.press(&uuid, "1*23#").await;
            stage.line("again").await;
            stage.press(&uuid, "45").await;
            stage
                .event("PLAYBACK_START", "Playback-File-Path", "music2.wav")
                .await;
            stage.press(&uuid, "9#").await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_input_callback_runs_while_methods_wait() {
    let stage = Stage::new(
        r##"
        local heard = {}
        extra = "extra"
        function on_input(s, kind, input, argument)
          assert(s == session and argument == "extra")
          if kind == "event" then
            table.insert(heard, input:getType() .. input:getHeader("k"))
            return
          end
          assert(kind == "dtmf" and type(input.duration) == "number")
          table.insert(heard, input.digit)
          if input.digit == "1" then return end
          if input.digit == "2" then return "true" end
          if input.digit == "7" then error("a callback that fails") end
          return "break"
        end
        session:answer()
        session:setInputCallback("on_input", "extra")
        local event = freeswitch.Event("MESSAGE")
        event:addHeader("k", "v")
        session:sendEvent(event)
        freeswitch.consoleLog("info", "file")
        assert(session:streamFile("music.wav") == 0)
        freeswitch.consoleLog("info", "record")
        assert(session:recordFile("x.wav", 600) == 0)
        freeswitch.consoleLog("info", "sleep")
        assert(session:sleep(600000) == 0)
        freeswitch.consoleLog("info", "collect")
        assert(session:collectDigits(600000) == 0)
        freeswitch.consoleLog("info", "fail")
        assert(session:streamFile("music.wav") == 0)
        session:unsetInputCallback()
        freeswitch.consoleLog("info", "none")
        assert(session:sleep(50) == 1)
        local all = table.concat(heard, " ")
        assert(all == "MESSAGEv 1 2 3 4 5 6 7", all)
        "##,
    )
    .await;
    stage
        .during(|uuid| async {
            let uuid = uuid;
            for (text, digits) in [("file", "123"), ("record", "4"), ("sleep", "5")] {
                stage.line(text).await;
                stage.press(&uuid, digits).await;
            }
            for (text, digits) in [("collect", "6"), ("fail", "7"), ("none", "8")] {
                stage.line(text).await;
                stage.press(&uuid, digits).await;
            }
        })
        .await;
    let line = stage.line("a callback that fails").await;
    assert_eq!(line.level, "ERROR");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_input_callback_returns_is_read_as_mod_lua_reads_it() {
    let stage = Stage::new(
        r##"
        local wishes = {
          ["1"] = "pause", ["2"] = "true", ["3"] = "undefined", ["4"] = "SEEK:+1000", ["5"] = "",
          ["6"] = false, ["7"] = 7, ["8"] = "volume", ["9"] = "stop",
        }
        local heard = ""
        function on_input(s, kind, input)
          heard = heard .. input.digit
          return wishes[input.digit]
        end
        session:answer()
        session:setInputCallback("on_input")
        for turn, last in ipairs { "123456-7", "8", "9" } do
          freeswitch.consoleLog("info", "turn " .. turn)
          assert(session:streamFile("music.wav") == 0)
          assert(heard == last:gsub("-", ""), heard)
          heard = ""
        end
        -- nothing to pause: what is no yes stops
        freeswitch.consoleLog("info", "turn 4")
        assert(session:sleep(600000) == 0 and heard == "231", heard)
        "##,
    )
    .await;
    stage
        .during(|uuid| async {
            let uuid = uuid;
            for (turn, digits) in [(1, "1234567"), (2, "8"), (3, "9"), (4, "231")] {
                stage.line(&format!("turn {turn}")).await;
                stage.press(&uuid, digits).await;
            }
        })
        .await;
    // the simulated switch cannot do it; the switch is asked
    stage.line("SEEK:+1000: -ERR uuid_fileman").await;
    stage.line("stop: -ERR uuid_fileman").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_calls_out_and_connects() {
    let stage = passes(
        r##"
        session:answer()
        local busy = freeswitch.Session("sim/busy", session)
        assert(busy:ready() == false and busy:hangupCause() == "USER_BUSY", busy:hangupCause())
        assert(busy:answer() == -1 and busy:getVariable("x") == "" and busy:getState() == "ERROR")
        assert(busy:get_uuid() == "uninitialized" and busy:setVariable("a", "b") == nil)
        assert(busy:sleep(1) == -1 and busy:read(1, 1, "", 1, "") == "" and busy:answered() == false)

        local phone = freeswitch.Session("{who=me}sim/answer?hangup_after=300ms", session)
        assert(phone:ready() and phone:answered() and phone:hangupCause() == "SUCCESS")
        assert(phone:getVariable("who") == "me")
        assert(phone:getVariable("origination_caller_id_number") == session:getVariable("caller_id_number")
          or session:getVariable("caller_id_number") == nil)
        assert(phone:streamFile("short.wav") == 1)
        freeswitch.bridge(session, phone)
        assert(phone:ready() == false, "it has hung up")
        assert(session:ready() == true, "the caller is the script's again")
        assert(session:streamFile("short.wav") == 1)

        local kept = freeswitch.Session("sim/answer")
        local again = freeswitch.Session(kept.uuid)
        assert(again:ready() and again.uuid == kept.uuid)
        kept:destroy()
        assert(kept:ready() == false and kept.uuid == nil and kept:answer() == -1)
        assert(again:ready() == false, "what the script has made goes with its object")
        local other = freeswitch.Session()
        assert(other:ready() == false)
        assert(other:originate(session, "sim/busy", 5) == 1 and other:hangupCause() == "USER_BUSY")
        assert(other:originate(nil, "sim/answer") == 0 and other:ready())
        other:waitForAnswer(session)
        assert(other:setAutoHangup(false) == 0)
        other_uuid = other.uuid
        local leaves = freeswitch.Session("sim/answer")
        freeswitch.consoleLog("info", "leaves: " .. leaves.uuid)
        freeswitch.consoleLog("info", "stays: " .. other.uuid)
        "##,
    )
    .await;
    let line = stage.line("stays: ").await;
    let uuid = line.text.rsplit(' ').next().unwrap();
    assert!(stage.sim.switch().has_channel(uuid), "{uuid}");
    let line = stage.line("leaves: ").await;
    let uuid = line.text.rsplit(' ').next().unwrap();
    stage.event("CHANNEL_HANGUP", "Unique-ID", uuid).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_parts_two_that_are_bridged() {
    let stage = Stage::new(
        r##"
        function on_input(s, kind, input)
          assert(s:bridged() and other:bridged() and input.digit == "*")
          return "break"
        end
        session:answer()
        other = freeswitch.Session("sim/answer", session)
        session:setInputCallback("on_input")
        freeswitch.consoleLog("info", "bridging")
        freeswitch.bridge(session, other)
        assert(session:ready() and other:ready() and not session:bridged() and not other:bridged())
        assert(other:streamFile("short.wav") == 1 and session:streamFile("short.wav") == 1)
        assert(session:getVariable("park_after_bridge") == nil)
        "##,
    )
    .await;
    stage
        .during(|uuid| async {
            let uuid = uuid;
            stage.event("CHANNEL_BRIDGE", "Unique-ID", &uuid).await;
            stage.press(&uuid, "*").await;
        })
        .await;
    assert_eq!(stage.runtime.stats().callbacks_failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_apis_json_and_the_rest() {
    let stage = passes(
        r##"
        local api = freeswitch.API()
        assert(api:execute("echo", "a b") == "a b" and api:executeString("echo c d") == "c d")
        assert(api:execute("nosuchapi"):sub(1, 4) == "-ERR")
        assert(api:execute("") == "-ERR No application specified")
        assert(math.abs(tonumber(api:getTime()) / 1000 - os.time()) < 100)
        freeswitch.setGlobalVariable("colour", "red")
        assert(freeswitch.getGlobalVariable("colour") == "red")
        assert(freeswitch.getGlobalVariable("nothing_there") == nil)
        assert(freeswitch.running() == true)
        freeswitch.msleep(1)
        freeswitch.consoleLog("warning", "a warning\n")
        freeswitch.consoleCleanLog("clean\n")
        session:consoleLog("err", "an error")

        local event = freeswitch.Event("custom", "my::event")
        assert(event:getType() == "CUSTOM" and event:getHeader("event-subclass") == "my::event")
        assert(event:addHeader("One", "1 & 2") and event:addHeader("Two", 2))
        assert(event:getHeader("two") == "2" and event:getHeader("three") == nil)
        assert(event:delHeader("TWO") == true and event:delHeader("two") == false)
        assert(event:getBody() == nil and event:addBody("text") and event:getBody() == "text")
        local text = event:serialize()
        assert(text == "Event-Name: CUSTOM\nEvent-Subclass: my%3A%3Aevent\nOne: 1%20%26%202\n"
          .. "Content-Length: 4\n\ntext", text)
        assert(event:serialize("json"):find('"_body":"text"', 1, true))
        assert(event:serialize("xml"):find("<Event-Name>CUSTOM</Event-Name>", 1, true))
        assert(event:setPriority(2) and event:getHeader("priority") == "HIGH")
        local more = freeswitch.Event("MESSAGE")
        more:addHeader("x", "y")
        assert(event:merge(more) and event:getHeader("x") == "y")
        assert(freeswitch.Event("nonsense"):getType() == "MESSAGE")
        assert(freeswitch.Event("MESSAGE", "sub"):getType() == "CUSTOM")
        local read = freeswitch.Event("json", event:serialize("json"))
        assert(read:getType() == "CUSTOM" and read:getHeader("One") == "1 & 2" and read:getBody() == "text")
        assert(event:fire() == true)

        local consumer = freeswitch.EventConsumer("PLAYBACK_START")
        assert(consumer:bind("NO_SUCH_EVENT") == 0)
        assert(consumer:bind("CUSTOM", "other::event") == 1)
        assert(consumer:pop() == nil and consumer:pop(1, 5) == nil)
        session:streamFile("short.wav")
        local popped = consumer:pop(1, 5000)
        assert(popped:getType() == "PLAYBACK_START" and popped:getHeader("Unique-ID") == session.uuid)
        consumer:cleanup()
        assert(consumer:pop(1) == nil and consumer:bind("CHANNEL_ANSWER") == 0)

        local json = freeswitch.JSON()
        json:return_unformatted_json(true)
        assert(json:encode({ 1, "a", true }) == '[1,"a",true]')
        assert(json:encode({ a = { b = {} } }) == '{"a":{"b":{}}}')
        json:encode_empty_table_as_object(false)
        assert(json:encode({ a = {} }) == '{"a":[]}')
        local t = json:decode('{"a":[1,2.5,{"b":"c"}],"n":null,"t":false}')
        assert(t.a[1] == 1 and t.a[2] == 2.5 and t.a[3].b == "c" and t.n == nil and t.t == false)
        assert(json:decode("not json") == nil)
        assert(not pcall(json.encode, json, "text"))
        local deep = {}
        for _ = 1, 200 do deep = { deep } end
        assert(not pcall(json.encode, json, deep))
        assert(json:execute2({ command = "status" }):sub(1, 4) == "-ERR", "the simulated switch has no json")

        local stream = freeswitch.Stream()
        stream:write("one ")
        stream:raw_write("two three", 3)
        assert(stream:get_data() == "one two")
        local dtmf = freeswitch.DTMF("5")
        assert(dtmf.digit == "5" and dtmf.duration == 2000)
        os.exit()
        "##,
    )
    .await;
    assert_eq!(stage.line("a warning").await.level, "WARN");
    assert_eq!(stage.line("an error").await.level, "ERROR");
    let line = stage.line("clean").await;
    assert_eq!(line.text, "clean");
    assert!(line.place.contains(".lua:13"), "{line:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_says_so_and_typos_get_the_nearest_name() {
    passes(
        r##"
        local function fails(f, ...)
          local ok, e = pcall(f)
          assert(not ok)
          e = tostring(e)
          assert(e:find("%.lua:%d+: "), "no place: " .. e)
          for _, text in ipairs { ... } do assert(e:find(text, 1, true), e) end
        end
        fails(function() session:detectSpeech("x") end,
          "session:detectSpeech is not supported: ", "docs/mod_lua.md")
        fails(function() freeswitch.Dbh("sqlite://x") end, "freeswitch.Dbh is not supported")
        fails(function() freeswitch.Event("MESSAGE"):chat_send() end, "chat_send is not supported")
        assert(freeswitch.Dbh ~= nil, "that it is there can be asked")
        fails(function() session:steamFile("x") end,
          "attempt to call a nil value (method 'steamFile'); did you mean streamFile?")
        fails(function() session:getvariable("x") end, "did you mean getVariable?")
        fails(function() freeswitch.Evnt("x") end, "(field 'Evnt'); did you mean Event?")
        fails(function() freeswitch.consolelog("x", "y") end, "did you mean consoleLog?")
        fails(function() session:makeCoffee() end, "attempt to call a nil value (method 'makeCoffee')")
        assert(session.makeCoffee == nil)
        fails(function() session:setVariable({}, "x") end,
          "Error in CoreSession::setVariable (arg 2), expected 'char *' got 'table'")
        fails(function() session:sleep("long") end, "expected 'int' got 'string'")
        fails(function() session.answer() end, "call it with a colon")
        fails(function() session:execute("set", "a=b\0c") end, "NUL")
        "##,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_ends_its_own_call_with_a_traceback() {
    let stage = Stage::new(
        "session:answer()\nlocal function menu()\n  session:streamFile({})\nend\nmenu()",
    )
    .await;
    let line = stage.fails().await;
    assert!(
        line.text
            .contains(".lua:3: Error in CoreSession::streamFile"),
        "{line:?}"
    );
    assert!(line.traceback.contains(".lua:5: in main chunk"), "{line:?}");
    assert!(!line.traceback.contains("prelude"), "{line:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_end_of_the_script_the_dialplan_goes_on_or_the_call_is_hung_up() {
    let stage = Stage::new("session:answer() session:setAutoHangup(true)").await;
    let uuid = stage.run().await;
    stage.event("CHANNEL_HANGUP", "Unique-ID", &uuid).await;
    // the next action of the dialplan runs
    let stage = Stage::new("session:answer()").await;
    let mut arrivals = stage.sim.listen_in_memory("after:1");
    let line = "null/1 'socket:after:1 async full,playback:music.wav' inline";
    let answer = stage.api("originate", line).await;
    let uuid = answer.strip_prefix("+OK ").unwrap().trim();
    let io = soon(arrivals.accept()).await.unwrap();
    let session = Session::over(io, genesis_lua::client::Options::default());
    let session = soon(session).await.unwrap();
    soon(stage.runtime.outbound(&stage.live)(session))
        .await
        .unwrap();
    let of = stage
        .event("PLAYBACK_START", "Playback-File-Path", "music.wav")
        .await;
    assert_eq!(of, uuid);
    // a socket that is not async, and one that is not full
    for mode in ["full", "async", ""] {
        let stage = Stage::new(
            r##"assert(session:answer() == 1 and session:streamFile("short.wav") == 1)"##,
        )
        .await;
        let (_, task) = stage.call_in(mode, "").await;
        soon(task).await.unwrap();
        assert_eq!(
            stage.runtime.stats().failed,
            0,
            "{mode}: {:#?}",
            stage.lines()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_wire_cannot_carry_is_told_in_the_scripts_words() {
    passes(
        r##"
        session:answer()
        local function fails(with, f, ...)
          local ok, e = pcall(f, ...)
          assert(not ok and tostring(e):find(with, 1, true), tostring(e))
          assert(tostring(e):find(".lua:", 1, true) and not tostring(e):find("api", 1, true), tostring(e))
        end
        fails("setVariable: argument 2 (the value of note) holds a line feed, carriage return or NUL at byte 2",
          function() session:setVariable("note", "a\nb") end)
        fails("setVariable: argument 1 (the name) holds", function() session:setVariable("a\0", "b") end)
        session:execute("set", "note=a\nb")
        assert(session:getVariable("note") == "a\nb", session:getVariable("note"))
        local event = freeswitch.Event("CUSTOM", "x::y")
        event:addHeader("note", "a\nb")
        fails("fire: the value of the header note holds", function() event:fire() end)
        "##,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_is_bounded_in_time_and_memory() {
    let mut options = options();
    options.computing = Duration::from_secs(20);
    let stage = Stage::with(
        r##"
        local json = freeswitch.JSON()
        local function refused(with, f, ...)
          local ok, e = pcall(f, ...)
          assert(not ok and tostring(e):find(with, 1, true), tostring(e))
        end
        local twice = { 1 }
        for _ = 1, 90 do twice = { twice, twice } end
        refused("would take more than", json.encode, json, twice)
        twice[1], twice[2] = twice, twice
        refused("nested more than 100 deep", json.encode, json, twice)
        local big = ("x"):rep(1 << 20)
        local many = {}
        for i = 1, 100 do many[i] = big end
        refused("would take more than", json.encode, json, many)
        local deep = { 1 }
        for _ = 1, 90 do deep = { deep } end
        local wide = {}
        for i = 1, 3000 do wide[i] = deep end
        refused("would take more than", json.encode, json, wide)
        refused("not enough memory", json.decode, json, "[" .. ("[],"):rep(1000000) .. "[]]")
        local there = json:decode('{"a":[1,2.5,"x",null,true],"b":{},"c":18446744073709551615,"d":-3}')
        assert(there.a[1] == 1 and math.type(there.a[1]) == "integer" and there.a[2] == 2.5 and there.a[3] == "x")
        assert(there.a[4] == nil and there.a[5] == true and next(there.b) == nil and there.d == -3)
        assert(math.type(there.c) == "float")
        assert(json:decode("[1] x") == nil and json:decode("{") == nil and json:decode("\"\xff\"") == nil)
        "##,
        options,
    )
    .await;
    stage.passes().await;
}
