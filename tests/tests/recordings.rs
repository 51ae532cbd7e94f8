//! Every recording decodes as the reference decoder says, however its bytes arrive.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use genesis_tests::{Chunking, Recording, decode, frames, repository};

/// The first line that differs, cut to where it does.
fn first_difference(ours: &[String], reference: &[String]) -> Option<String> {
    for (number, (our, their)) in ours.iter().zip(reference).enumerate() {
        if our != their {
            let at = our
                .bytes()
                .zip(their.bytes())
                .take_while(|(a, b)| a == b)
                .count();
            let around = |line: &str| {
                let from = at.saturating_sub(60);
                let bytes = line.as_bytes();
                let to = (at + 120).min(bytes.len());
                String::from_utf8_lossy(&bytes[from.min(to)..to]).into_owned()
            };
            return Some(format!(
                "frame {number} differs at {at}:\n  ours …{}\n  reference …{}",
                around(our),
                around(their)
            ));
        }
    }
    (ours.len() != reference.len()).then(|| {
        format!(
            "{} frames, the reference has {}",
            ours.len(),
            reference.len()
        )
    })
}

fn equals_the_reference(recordings: &[Recording]) {
    let mut wrong = Vec::new();
    for recording in recordings {
        let ours = decode(&recording.from_switch()).unwrap();
        if let Some(difference) = first_difference(&ours, &recording.reference()) {
            wrong.push(format!("{}: {difference}", recording.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Byte for byte the same frames at the same offsets as when the bytes come in one piece.
fn chunking_changes_nothing(recordings: &[Recording], chunking: Chunking) {
    for recording in recordings {
        let bytes = recording.from_switch();
        let whole = frames([&bytes[..]]).unwrap();
        let cut = frames(chunking.cut(&bytes)).unwrap();
        let name = recording.name();
        assert_eq!(whole.frames.len(), cut.frames.len(), "{name} {chunking:?}");
        assert_eq!(whole.truncated, cut.truncated, "{name} {chunking:?}");
        for (a, b) in whole.frames.iter().zip(&cut.frames) {
            assert_eq!(a.offset(), b.offset(), "{name} {chunking:?}");
            assert_eq!(a.kind(), b.kind(), "{name} {chunking:?}");
            assert_eq!(a.raw(), b.raw(), "{name} {chunking:?}");
            assert_eq!(a.body(), b.body(), "{name} {chunking:?}");
        }
    }
}

#[test]
fn every_recording_decodes_as_the_reference_says_in_every_chunking() {
    let recordings = Recording::all_but_bursts();
    equals_the_reference(&recordings);
    // byte by byte, and the bursts, are the tests below
    for seed in 0..8 {
        chunking_changes_nothing(&recordings, Chunking::Random(seed));
    }
}

#[test]
fn the_plain_burst_decodes_as_the_reference() {
    equals_the_reference(&[Recording::named("burst_plain")]);
}

#[test]
fn the_json_burst_decodes_as_the_reference() {
    equals_the_reference(&[Recording::named("burst_json")]);
}

#[test]
fn lesson_10_bytes_that_come_one_by_one_change_nothing() {
    chunking_changes_nothing(&Recording::all_but_bursts(), Chunking::Bytes);
}

#[test]
fn the_plain_burst_byte_by_byte() {
    chunking_changes_nothing(&[Recording::named("burst_plain")], Chunking::Bytes);
}

#[test]
fn the_json_burst_byte_by_byte() {
    chunking_changes_nothing(&[Recording::named("burst_json")], Chunking::Bytes);
}

#[test]
fn the_bursts_in_random_splits() {
    for name in ["burst_plain", "burst_json"] {
        let burst = [Recording::named(name)];
        chunking_changes_nothing(&burst, Chunking::Random(99));
        chunking_changes_nothing(&burst, Chunking::Random(100));
    }
}

/// `truncated.jsonl`: what the reference makes of the first bytes of a recording.
#[test]
fn an_unfinished_frame_is_reported_where_the_reference_does() {
    let path = repository().join("tests/fixtures/truncated.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let mut tried = 0;
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        let cut = usize::try_from(case["cut"].as_u64().unwrap()).unwrap();
        let bytes = &Recording::named(name).from_switch()[..cut];
        for chunking in [Chunking::Whole, Chunking::Random(cut as u64)] {
            let got = frames(chunking.cut(bytes)).unwrap();
            assert_eq!(got.frames.len() as u64, case["frames"], "{line}");
            assert_eq!(got.truncated, case["offset"].as_u64(), "{line}");
        }
        tried += 1;
    }
    assert!(tried > 500, "{tried}");
}
