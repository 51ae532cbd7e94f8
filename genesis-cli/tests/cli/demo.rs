//! `genesis demo`.

use std::time::{Duration, Instant};

use crate::support::run;

#[test]
fn it_shows_a_ring_group_and_a_queue() {
    let start = Instant::now();
    let done = run(&["demo"]);
    assert_eq!((done.code, &*done.stderr), (0, ""), "{}", done.stdout);
    assert!(start.elapsed() < Duration::from_secs(10), "{}", done.stdout);
    for text in [
        "1001    rings",
        "1002    is over: busy (USER_BUSY)",
        "1003    answers",
        "1001    is over: hung up, another answered first",
        "1003    has heard the message to its end and is hung up",
        "2001    enters the queue, which is free, and is served",
        "2002    enters the queue at position 1 and hears music",
        "2003    enters the queue at position 2 and hears music",
        "all 6 channels are gone",
        "queue: 2001, 2002, 2003 served in the order they came",
    ] {
        assert!(done.stdout.contains(text), "{text}: {}", done.stdout);
    }
}

#[test]
fn with_json_every_line_is_an_object() {
    let done = run(&["demo", "--json"]);
    assert_eq!(done.code, 0, "{done:?}");
    let lines: Vec<serde_json::Value> = done
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (summary, story) = lines.split_last().unwrap();
    assert!(
        story
            .iter()
            .all(|line| line["seconds"].is_f64() && line["text"].is_string())
    );
    let summary = &summary["summary"];
    assert_eq!(summary["answered_by"], "1003");
    assert_eq!(summary["others"][1]["cause"], "USER_BUSY");
    assert_eq!(
        summary["served"],
        serde_json::json!(["2001", "2002", "2003"])
    );
}
