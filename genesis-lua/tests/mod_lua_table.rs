//! The table in `docs/mod_lua.md` says what the code does, and names all that mod_lua has.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use support::Stage;

/// What mod_lua registers: the names in its mod_lua_wrap.cpp, without fields.
const MOD_LUA: &[(&str, &str)] = &[
    (
        "session",
        "insertFile answer print preAnswer hangup hangupState setVariable setPrivate getPrivate \
         getVariable process_callback_result say sayPhrase hangupCause getState recordFile originate \
         destroy setDTMFCallback speak set_tts_parms set_tts_params collectDigits getDigits transfer \
         read detectSpeech playAndGetDigits playAndDetectSpeech streamFile sleep flushEvents \
         flushDigits setAutoHangup setHangupHook ready bridged answered mediaReady waitForAnswer \
         execute sendEvent setEventData getXMLCDR begin_allow_threads end_allow_threads get_uuid \
         get_cb_args check_hangup_hook run_dtmf_callback consoleLog consoleLog2 unsetInputCallback \
         setInputCallback setLUA",
    ),
    (
        "freeswitch",
        "setGlobalVariable getGlobalVariable consoleLog consoleLog2 consoleCleanLog running email \
         console_log console_log2 console_clean_log msleep bridge hanguphook dtmf_callback Session \
         CoreSession API Event EventConsumer JSON Stream DTMF Dbh IVRMenu input_callback_state_t",
    ),
    ("freeswitch.API()", "execute executeString getTime"),
    (
        "freeswitch.Event(…)",
        "chat_execute chat_send serialize setPriority getHeader getBody getType addBody addHeader \
         delHeader fire merge",
    ),
    ("freeswitch.EventConsumer(…)", "bind pop cleanup"),
    (
        "freeswitch.JSON()",
        "decode encode execute execute2 encode_empty_table_as_object return_unformatted_json",
    ),
    ("freeswitch.Stream()", "read write raw_write get_data"),
    (
        "freeswitch.Dbh(…)",
        "Dbh.release Dbh.connected Dbh.test_reactive Dbh.query Dbh.query_rows Dbh.affected_rows \
         Dbh.last_error Dbh.clear_error Dbh.load_extension IVRMenu.bindAction IVRMenu.execute",
    ),
];

/// Section, name, what the table says.
fn table() -> Vec<(String, String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mod_lua.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (mut section, mut rows) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            let code = heading.split('`').nth(1).unwrap_or_default();
            section = code.to_owned();
        }
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        if let ["", name, status, ..] = &*cells
            && !section.is_empty()
            && let Some(name) = name
                .strip_prefix('`')
                .and_then(|name| name.strip_suffix('`'))
        {
            assert!(
                ["works", "differs", "not supported"].contains(status),
                "{section} {name}: {status:?}"
            );
            let needs_note = *status == "differs";
            assert!(
                !needs_note || cells.get(3).is_some_and(|note| !note.is_empty()),
                "{name}"
            );
            rows.push((section.clone(), name.to_owned(), (*status).to_owned()));
        }
    }
    rows
}

#[test]
fn the_table_names_all_that_mod_lua_has_and_nothing_else() {
    let mut named = BTreeMap::<_, Vec<_>>::new();
    for (section, name, _) in table() {
        named.entry(section).or_default().push(name);
    }
    assert_eq!(named.len(), MOD_LUA.len(), "{:?}", named.keys());
    for (section, names) in MOD_LUA {
        let mut there: Vec<_> = names.split_whitespace().map(str::to_owned).collect();
        let mut listed = named.remove(*section).unwrap_or_default();
        there.sort();
        listed.sort();
        assert_eq!(listed, there, "{section}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_table_says_is_so() {
    let mut script = String::from(
        r#"
        local objects = {
          ["session"] = session, ["freeswitch"] = freeswitch, ["freeswitch.API()"] = freeswitch.API(),
          ["freeswitch.Event(…)"] = freeswitch.Event("MESSAGE"),
          ["freeswitch.EventConsumer(…)"] = freeswitch.EventConsumer(),
          ["freeswitch.JSON()"] = freeswitch.JSON(), ["freeswitch.Stream()"] = freeswitch.Stream(),
        }
        local function check(section, name, supported)
          local f = objects[section][name]
          assert(type(f) == "function", section .. " " .. name .. " is not there")
          if not supported then
            local ok, e = pcall(f, objects[section])
            assert(not ok and tostring(e):find("is not supported: ", 1, true), section .. " " .. name)
            assert(tostring(e):find("docs/mod_lua.md", 1, true) and tostring(e):find(name, 1, true), e)
          elseif name ~= "destroy" and name ~= "bridge" then
            local ok, e = pcall(f, objects[section])
            local words = tostring(e)
            -- it is called without arguments: that, and nothing else, may be wrong
            assert(ok or words:find("Error in ", 1, true) or words:find("bad argument", 1, true)
              or words:find("two sessions are needed", 1, true) or words:find("is a method", 1, true), section .. " " .. name .. ": " .. words)
          end
        end
        session:hangup()
        "#,
    );
    for (section, name, status) in table() {
        if !name.contains('.') {
            let supported = status != "not supported";
            script += &format!("check({section:?}, {name:?}, {supported})\n");
        }
    }
    Stage::new(&script).await.passes().await;
}
