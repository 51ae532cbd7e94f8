//! docs/applications.md: its snippets are files, which are run here.
#![cfg(unix)]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::lua::{start, wait_for};
use crate::support::{Folder, run};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The code blocks: their language and their text.
fn blocks() -> Vec<(String, String)> {
    let text = fs::read_to_string(docs().join("applications.md")).unwrap();
    let parts: Vec<&str> = text.split("```").collect();
    assert_eq!(parts.len() % 2, 1, "a block has no end");
    let blocks = parts.iter().skip(1).step_by(2);
    let blocks = blocks.map(|block| block.split_once('\n').unwrap());
    blocks
        .map(|(language, text)| (language.to_owned(), text.to_owned()))
        .collect()
}

#[test]
fn every_snippet_is_a_file() {
    let folder = docs().join("applications");
    let mut files: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(files.len(), 3);
    for (language, text) in blocks() {
        if language == "lua" || language == "xml" {
            let file = files.iter().position(|file| *file == text);
            files.remove(file.unwrap_or_else(|| panic!("in no file: {text}")));
        }
    }
    assert!(files.is_empty(), "in no snippet: {files:?}");
}

#[test]
fn every_command_is_one() {
    let blocks = blocks();
    let shell = blocks.iter().filter(|(language, _)| language == "sh");
    let lines: Vec<&str> = shell.flat_map(|(_, text)| text.lines()).collect();
    let commands = lines
        .iter()
        .filter_map(|line| line.strip_prefix("genesis "));
    let mut checked = 0;
    for command in commands {
        // an application that is not there is what is wrong at last, so all else is right
        let gone = command
            .replace("ivr.lua", "gone.lua")
            .replace("calls.lua", "gone.lua");
        let gone = gone.replace(
            "my-ivr",
            if gone.starts_with("new") {
                "2nd"
            } else {
                "gone.lua"
            },
        );
        let done = run(&gone.split_whitespace().collect::<Vec<_>>());
        assert_eq!(done.code, 2, "{command}: {done:?}");
        let expected = done.stderr.contains("gone.lua does not exist")
            || done.stderr.contains("\"2nd\" cannot be");
        assert!(expected, "{command}: {}", done.stderr);
        checked += 1;
    }
    assert_eq!(checked, lines.len() - 1, "all but the one of cargo");
}

/// In a folder of its own, so that nothing is saved beside the documentation.
fn copied(name: &str, file: &str) -> Folder {
    let folder = Folder::new(name);
    fs::copy(
        docs().join("applications").join(file),
        folder.path().join(file),
    )
    .unwrap();
    folder
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// A line without its time and its ports.
fn timeless(line: &str) -> String {
    let begins = if line.starts_with('[') {
        "[10:00:00]"
    } else {
        "   0.000 s"
    };
    let (_, rest) = line.split_at(begins.len());
    let mut parts = rest.split("127.0.0.1:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += "ADDRESS";
        text += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    text
}

#[test]
fn the_ivr_does_what_the_page_says() {
    let folder = copied("docs-ivr", "ivr.lua");
    let port = free_port();
    let running = start(
        &folder,
        &[
            "outbound", "dev", "ivr.lua", "--sim", "--digits", "2", "--port", &port,
        ],
        &[],
    );
    let blocks = blocks();
    let sample = blocks.iter().find(|(language, _)| language == "text");
    for expected in sample.unwrap().1.lines() {
        assert_eq!(timeless(&running.line()), timeless(expected));
    }
    // change the file, save: another call comes in, with the new code
    let main = folder.path().join("ivr.lua");
    let text = fs::read_to_string(&main).unwrap();
    fs::write(&main, text.replace("ivr-thank_you", "ivr-goodbye")).unwrap();
    wait_for(&running, "ivr was saved and is reloaded");
    wait_for(&running, "1002  runs playback ivr/ivr-goodbye.wav");
    assert_eq!(running.interrupt().code, 0);
}

#[test]
fn the_consumer_does_what_the_page_says() {
    let folder = copied("docs-calls", "calls.lua");
    let running = start(&folder, &["consumer", "dev", "calls.lua", "--sim"], &[]);
    wait_for(&running, "1001 was answered");
    wait_for(&running, "1001 talked for 1 s");
    assert_eq!(running.interrupt().code, 0);
}

#[test]
fn the_ivr_of_the_readme_runs() {
    let readme = fs::read_to_string(docs().join("../README.md")).unwrap();
    let (_, from) = readme.split_once("```lua\n").unwrap();
    let (code, _) = from.split_once("```").unwrap();
    let lines = code.lines().count();
    assert_eq!(lines, 10, "the README says ten");
    let folder = Folder::new("readme-ivr");
    fs::write(folder.path().join("ivr.lua"), code).unwrap();
    let arguments = ["outbound", "dev", "ivr.lua", "--sim", "--digits", "1"];
    let running = start(
        &folder,
        &[&arguments[..], &["--port", &free_port()]].concat(),
        &[],
    );
    for expected in [
        "runs answer",
        "presses 1",
        "runs playback local_stream://moh",
    ] {
        wait_for(&running, expected);
    }
    // a simulated caller keeps nobody waiting
    let begun = Instant::now();
    assert_eq!(running.interrupt().code, 0);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}
