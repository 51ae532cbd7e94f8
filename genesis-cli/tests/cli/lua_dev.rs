//! `dev`: what counts as a save, and when it is loaded.
#![cfg(unix)]

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::lua::{start, wait_for};
use crate::support::{Folder, Following};

const NUMBERED: &str = "genesis.outbound(function() genesis.log.info(\"N\") end)\n";

/// Starts `app.lua` in dev, with these options.
fn dev(folder: &Folder, options: &[&str]) -> Following {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let arguments = ["outbound", "dev", "app.lua", "--port", &port];
    let running = start(folder, &[&arguments[..], options].concat(), &[]);
    wait_for(&running, "waits for calls on");
    running
}

/// Waits for the log line of a version, and sees that nothing went wrong until then.
fn goes_live(running: &Following, version: &str) {
    let end = format!("INFO     {version}");
    running.find(|line| {
        assert!(!line.contains("ERROR"), "{line}");
        // with ids behind it, or without
        let said = line.split(" (trace_id=").next().unwrap_or(line);
        said.ends_with(&end).then_some(())
    });
}

#[test]
fn a_file_that_is_no_part_of_the_application_reloads_nothing() {
    let folder = Folder::new("lua-others");
    let save = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    save("app.lua", &NUMBERED.replace('N', "one"));
    let running = dev(&folder, &["--sim"]);
    goes_live(&running, "one");
    save("other.lua", "return { oops");
    let until = Instant::now() + Duration::from_millis(700);
    while Instant::now() < until {
        let line = running.line_soon().unwrap_or_default();
        assert!(
            !line.contains("ERROR") && !line.contains("reloaded"),
            "{line}"
        );
    }
    save("app.lua", &NUMBERED.replace('N', "two"));
    running.find(|line| {
        assert!(!line.contains("INFO     one"), "another call: {line}");
        line.contains("INFO     two").then_some(())
    });
    assert_eq!(running.interrupt().code, 0);
}

#[test]
fn a_file_may_be_deleted_renamed_and_saved_in_other_ways() {
    let folder = Folder::new("lua-saves");
    let path = |name: &str| folder.path().join(name);
    let numbered = |version: &str| NUMBERED.replace('N', version);
    fs::write(path("app.lua"), numbered("one")).unwrap();
    let running = dev(&folder, &["--sim"]);
    goes_live(&running, "one");
    fs::remove_file(path("app.lua")).unwrap();
    let line = wait_for(&running, "the version before it goes on");
    assert!(line.contains("app.lua: there is no such file"), "{line}");
    fs::write(path("app.lua"), numbered("two")).unwrap();
    goes_live(&running, "two");
    // as vim does it: the old one becomes a backup, a new one is written
    fs::rename(path("app.lua"), path("app.lua~")).unwrap();
    fs::write(path("app.lua"), numbered("three")).unwrap();
    goes_live(&running, "three");
    // as others do it: a new one is written beside it and takes its place
    fs::write(path(".app.lua.new"), numbered("four")).unwrap();
    fs::rename(path(".app.lua.new"), path("app.lua")).unwrap();
    goes_live(&running, "four");
    // it comes to lead elsewhere
    fs::write(path("real.lua"), numbered("five")).unwrap();
    fs::remove_file(path("app.lua")).unwrap();
    std::os::unix::fs::symlink("real.lua", path("app.lua")).unwrap();
    goes_live(&running, "five");
    fs::write(path("real.lua"), numbered("six")).unwrap();
    goes_live(&running, "six");
    assert_eq!(running.interrupt().code, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_slow_save_is_loaded_when_it_is_done_and_that_within_half_a_second() {
    let folder = Folder::new("lua-slow");
    let main = folder.path().join("app.lua");
    // half of this one is a script too
    let script = |version: &str| {
        format!("session:answer()\nfreeswitch.consoleLog(\"info\", \"{version}\")\n")
    };
    fs::write(&main, script("one")).unwrap();
    let running = dev(&folder, &["--sim"]);
    goes_live(&running, "one");
    for (version, closes) in [("two", false), ("three", true)] {
        let mut file = fs::File::create(&main).unwrap();
        let text = script(version) + "local rest = {\n" + &" 1,\n".repeat(8) + "}\n";
        for line in text.split_inclusive('\n') {
            file.write_all(line.as_bytes()).unwrap();
            if closes {
                drop(file);
                file = fs::File::options().append(true).open(&main).unwrap();
            }
            std::thread::sleep(Duration::from_millis(40));
        }
        drop(file);
        let closed = Instant::now();
        let line = running.find(|line| {
            assert!(!line.contains("ERROR"), "{line}");
            assert!(
                !line.contains("runs answer"),
                "half of it went live: {line}"
            );
            line.contains("was saved and is reloaded")
                .then(|| line.to_owned())
        });
        let took = closed.elapsed();
        assert!(took < Duration::from_millis(500), "{took:?}: {line}");
        goes_live(&running, version);
    }
    assert_eq!(running.interrupt().code, 0);
}

#[test]
fn of_a_folder_only_what_is_required_must_be_right() {
    let folder = Folder::new("lua-unneeded");
    let save = |name: &str, text: &str| {
        let path = folder.path().join("app.lua").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    save("main.lua", &NUMBERED.replace('N', "one"));
    save("unneeded.lua", "return { oops");
    save("lib/bytecode.lua", "\u{1b}Lua");
    let running = dev(&folder, &["--sim"]);
    goes_live(&running, "one");
    let main = format!("require('unneeded') {}", NUMBERED.replace('N', "two"));
    save("main.lua", &main);
    let line = wait_for(&running, "the version before it goes on");
    assert!(line.contains("unneeded.lua:1: '}' expected"), "{line}");
    // one that is required when a call comes ends that call
    save(
        "main.lua",
        "genesis.outbound(function() require('unne' .. 'eded') end)",
    );
    let line = wait_for(&running, "a script failed");
    assert!(line.contains("unneeded.lua:1: '}' expected"), "{line}");
    save("unneeded.lua", "return {}");
    wait_for(&running, "is reloaded");
    wait_for(&running, "is hung up: NORMAL_CLEARING");
    assert_eq!(running.interrupt().code, 0);
}

#[test]
fn a_module_that_was_named_and_could_not_be_loaded_is_mended() {
    let folder = Folder::new("lua-mended");
    let save = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join("lib")).unwrap();
    save("app.lua", &NUMBERED.replace('N', "one"));
    let running = dev(&folder, &["--sim"]);
    goes_live(&running, "one");
    let next = |module: &str, version: &str| {
        format!(
            "require('lib.{module}')\n{}",
            NUMBERED.replace('N', version)
        )
    };
    // nothing in that folder was loaded before
    save("lib/broken.lua", "return { oops");
    save("app.lua", &next("broken", "two"));
    let line = wait_for(&running, "the version before it goes on");
    assert!(line.contains("lib/broken.lua:1: "), "{line}");
    save("lib/broken.lua", "return {}");
    goes_live(&running, "two");
    save("app.lua", &next("late", "three"));
    let line = wait_for(&running, "the version before it goes on");
    assert!(line.contains("there was no module 'lib.late'"), "{line}");
    save("lib/late.lua", "return {}");
    goes_live(&running, "three");
    assert_eq!(running.interrupt().code, 0);
}
