//! `genesis demo`.

use crate::support::run;

#[test]
fn it_shows_calls_being_controlled() {
    let done = run(&["demo"]);
    assert_eq!((done.code, &*done.stderr), (0, ""), "{}", done.stdout);
    for text in [
        "1001    is answered",
        "1002    is hung up, busy: USER_BUSY",
        "1003    is hung up, no answer: NO_ANSWER",
        "1004    is handed over",
        "1004    has entered 4711",
        "4 calls: 2 answered, 1 busy, 1 without answer",
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
    assert_eq!(summary["summary"]["answered"], 2);
    assert_eq!(summary["summary"]["digits"], "4711");
}
