//! `genesis decode` against recordings of FreeSWITCH 1.11.2 and an independent decoder.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::Stdio;

use crate::support::{end, finish, genesis, run};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

fn unpacked(path: PathBuf) -> Vec<u8> {
    zstd::decode_all(fs::File::open(path).unwrap()).unwrap()
}

fn recording(name: &str) -> Vec<u8> {
    unpacked(
        fixtures()
            .join("captures")
            .join(format!("{name}.s2c.bin.zst")),
    )
}

#[test]
fn every_recording_decodes_as_the_reference_says() {
    let mut compared = 0;
    for entry in fs::read_dir(fixtures().join("decoded")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        let name = file.strip_suffix(".jsonl.zst").unwrap().to_owned();
        let done = finish(genesis(&["decode"]), &recording(&name));
        assert_eq!((done.code, &*done.stderr), (0, ""), "{name}");
        // no assert_eq: it would print megabytes
        let same = done.stdout.as_bytes() == unpacked(path);
        assert!(same, "{name} differs from the reference");
        compared += 1;
    }
    assert!(compared > 70, "only {compared} recordings were found");
}

#[test]
fn an_unfinished_frame_is_told_with_its_offset() {
    let text = fs::read_to_string(fixtures().join("truncated.jsonl")).unwrap();
    let mut seen = 0;
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = row["name"].as_str().unwrap();
        if ![
            "api_basic",
            "auth_ok",
            "pipelined_commands",
            "outbound_sync_single",
        ]
        .contains(&name)
        {
            continue;
        }
        let cut = usize::try_from(row["cut"].as_u64().unwrap()).unwrap();
        let done = finish(genesis(&["decode", "-"]), &recording(name)[..cut]);
        let lines: Vec<&str> = done.stdout.lines().collect();
        let told = |offset| format!("{{\"error\":\"truncated\",\"offset\":{offset}}}");
        let expected = row["offset"].as_u64().map(told);
        let frames = usize::try_from(row["frames"].as_u64().unwrap()).unwrap();
        assert_eq!(
            lines.get(frames).map(ToString::to_string),
            expected,
            "{row}"
        );
        assert_eq!(
            lines.len(),
            frames + usize::from(expected.is_some()),
            "{row}"
        );
        assert_eq!(done.code, 0);
        seen += 1;
    }
    assert!(seen > 20, "only {seen} cuts were tried");
}

#[test]
fn a_file_gives_the_same_as_stdin() {
    let path = std::env::temp_dir().join(format!("genesis-decode-{}.bin", std::process::id()));
    let bytes = recording("auth_ok");
    fs::write(&path, &bytes).unwrap();
    let from_file = run(&["decode", path.to_str().unwrap()]);
    fs::remove_file(&path).unwrap();
    assert_eq!(from_file.code, 0);
    assert_eq!(
        from_file.stdout,
        finish(genesis(&["decode"]), &bytes).stdout
    );
    assert!(from_file.stdout.lines().count() > 3);
}

#[test]
fn broken_framing_is_an_error_that_names_the_byte() {
    let input = b"Content-Type: auth/request\n\nContent-Length: many\n\n";
    let done = finish(genesis(&["decode"]), input);
    assert_eq!(done.code, 1);
    assert_eq!(done.stdout.lines().count(), 1, "{}", done.stdout);
    assert!(
        done.stderr.contains("\"many\"") && done.stderr.contains("(at byte 28)"),
        "{}",
        done.stderr
    );
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
}

#[test]
fn a_body_longer_than_asked_for_is_an_error() {
    let input = b"Content-Type: a/b\nContent-Length: 5\n\nhello";
    let done = finish(genesis(&["decode", "--max-body", "5"]), input);
    assert_eq!((done.code, done.stdout.lines().count()), (0, 1), "{done:?}");
    let done = finish(genesis(&["decode", "--max-body", "4"]), input);
    assert_eq!((done.code, &*done.stdout), (1, ""), "{done:?}");
    assert!(done.stderr.contains("body"), "{}", done.stderr);
}

#[test]
fn a_file_that_is_not_there_is_a_usage_error() {
    let done = run(&["decode", "/no/such/file"]);
    assert_eq!(done.code, 2);
    assert!(
        done.stderr
            .starts_with("error: cannot read /no/such/file: "),
        "{}",
        done.stderr
    );
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let mut command = genesis(&["decode"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = recording("call_full_plain");
    let writer = std::thread::spawn(move || while stdin.write_all(&bytes).is_ok() {});
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("auth/request"), "{line}");
    // stdout is closed now, while input goes on without end
    let done = end(child);
    writer.join().unwrap();
    assert_eq!((done.code, &*done.stderr), (0, ""));
}

#[test]
fn frames_of_a_live_stream_come_at_once() {
    let mut command = genesis(&["decode"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for frame in [
        "Content-Type: auth/request\n\n",
        "Content-Type: command/reply\nReply-Text: +OK\n\n",
    ] {
        stdin.write_all(frame.as_bytes()).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let kind = frame
            .lines()
            .next()
            .unwrap()
            .strip_prefix("Content-Type: ")
            .unwrap();
        assert!(line.contains(kind), "{line}");
    }
    drop(stdin);
    assert_eq!(end(child).code, 0);
}
