//! Loading applications, and what is told of those that cannot be.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails")]

mod support;

use std::fs;

use genesis_lua::{App, ErrorKind, Kind};
use support::{Stage, folder, options, write};

fn error(source: &str) -> (ErrorKind, String) {
    let path = write(source);
    let error = App::load(&path).unwrap_err();
    let full = path.canonicalize().unwrap().display().to_string();
    (error.kind(), error.to_string().replace(&full, "FILE"))
}

#[test]
fn mistakes_have_path_and_line() {
    let (kind, text) = error("\n\nlocal x = = 1");
    assert_eq!(kind, ErrorKind::Syntax);
    assert_eq!(text, "FILE:3: unexpected symbol near '='");
    let (kind, text) = error("\nlocal x = nil + 1");
    assert_eq!(kind, ErrorKind::Script);
    assert_eq!(text, "FILE:2: attempt to perform arithmetic on a nil value");
    let (kind, text) = error("local x = 1");
    assert_eq!(kind, ErrorKind::NothingDefined);
    assert!(
        text.starts_with("FILE: defines nothing: call genesis.outbound("),
        "{text}"
    );
    let (kind, _) = error("genesis.consumer() genesis.outbound(function() end)");
    assert_eq!(kind, ErrorKind::WrongKind);
    let (kind, text) = error("while true do end");
    assert_eq!(kind, ErrorKind::Script);
    assert!(
        text.starts_with("FILE:1: the script computed for more than 1s"),
        "{text}"
    );
    let (kind, text) = error("genesis.consumer():handle('CHANNEL_ANSWERED', function() end)");
    assert_eq!(kind, ErrorKind::Script);
    assert!(
        text.starts_with("FILE:1: handle: there is no event \"CHANNEL_ANSWERED\""),
        "{text}"
    );
    let (kind, _) = error("\u{1b}Lua");
    assert_eq!(kind, ErrorKind::NotLua);
}

#[test]
fn what_is_no_application_is_told() {
    let missing = App::load("no/such/app.lua").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(
        missing.to_string(),
        "no/such/app.lua: there is no such file or folder"
    );
    let folder = folder();
    let python = folder.join("app.py");
    fs::write(&python, "print(1)").unwrap();
    let error = App::load(&python).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLua);
    assert!(
        error
            .to_string()
            .contains("is Python, and Genesis runs Lua"),
        "{error}"
    );
    let error = App::load(&folder).unwrap_err();
    assert!(
        error.to_string().ends_with("or a folder with main.lua"),
        "{error}"
    );
}

#[test]
fn scripts_in_the_way_of_mod_lua_are_seen() {
    for source in [
        "#!/usr/bin/lua\nsession:answer()",
        "freeswitch.consoleLog('info', 'x')",
        "if pcall(function() return session:ready() end) then while true do end end",
    ] {
        assert_eq!(
            App::load(write(source)).unwrap().kind(),
            Kind::Script,
            "{source}"
        );
    }
    // a look at the file does nothing, and ends where a connection is needed
    let source = "local app = genesis.consumer() app.client:api('status') error('not reached')";
    assert_eq!(App::load(write(source)).unwrap().kind(), Kind::Consumer);
    let source = "genesis.outbound(function() end) genesis.sleep(1) error('not reached')";
    assert_eq!(App::load(write(source)).unwrap().kind(), Kind::Outbound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modules_come_from_the_folder_as_it_was() {
    let folder = folder();
    fs::create_dir(folder.join("menu")).unwrap();
    let main = r#"
        local menu = require("menu")
        genesis.outbound(function(session)
          assert(require("menu") == menu and menu.name == "menu")
          assert(require("menu.sales") == "sales")
          local ok, e = pcall(require, "menu.bad")
          assert(not ok and e:find("bad%.lua:1: attempt"), e)
          ok, e = pcall(require, "turns")
          assert(not ok and e:find("requires itself"), e)
          ok, e = pcall(require, "late")
          assert(not ok and e:find("there was no module 'late'"), e)
        end)"#;
    fs::write(folder.join("main.lua"), main).unwrap();
    fs::write(folder.join("menu/init.lua"), "return { name = ... }").unwrap();
    fs::write(
        folder.join("menu/sales.lua"),
        "genesis.sleep(0) return 'sales'",
    )
    .unwrap();
    fs::write(folder.join("menu/bad.lua"), "local x = nil + 1").unwrap();
    fs::write(folder.join("turns.lua"), "return require('turns')").unwrap();
    let stage = Stage::of(&folder, options()).await;
    assert_eq!(stage.live.current().files().count(), 5);
    fs::write(folder.join("late.lua"), "return 1").unwrap();
    fs::remove_file(folder.join("menu/sales.lua")).unwrap();
    stage.passes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_folder_only_what_is_required_must_be_right() {
    let folder = folder();
    let main = r#"
        require("named")
        genesis.outbound(function(session)
          local ok, e = pcall(require, "broken")
          assert(not ok and e:find("broken%.lua:2: unexpected symbol"), e)
          ok, e = pcall(require, "bytecode")
          assert(not ok and e:find("bytecode%.lua: is bytecode"), e)
          error("reached")
        end)"#;
    fs::write(folder.join("main.lua"), main).unwrap();
    fs::write(folder.join("named.lua"), "return {}").unwrap();
    fs::write(folder.join("broken.lua"), "local a\nlocal b = =").unwrap();
    fs::write(folder.join("bytecode.lua"), "\u{1b}Lua").unwrap();
    let stage = Stage::of(&folder, options()).await;
    let line = stage.fails().await;
    assert!(line.text.ends_with(": reached"), "{line:#?}");
    // what is named is looked at before any call
    fs::write(folder.join("named.lua"), "return require('broken')").unwrap();
    let error = App::load(&folder).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Syntax);
    assert!(error.to_string().contains("broken.lua:2: "), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_path_is_shown_whole() {
    let folder = folder().join("a-very-long-name-of-a-folder".repeat(5));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("app-with-a-long-path.lua");
    let source = "genesis.outbound(function(session)
        local ok, e = pcall(error, 'seen', 2)
        ok, e = pcall(function() error('seen') end)
        error(e)
      end)";
    fs::write(&path, source).unwrap();
    let stage = Stage::of(&path, options()).await;
    let line = stage.fails().await;
    let full = path.canonicalize().unwrap().display().to_string();
    assert!(
        line.text.contains(&format!("{full}:4: {full}:3: seen")),
        "{line:#?}"
    );
    assert!(
        line.traceback.contains(&format!("{full}:4: in function")),
        "{line:#?}"
    );
}
