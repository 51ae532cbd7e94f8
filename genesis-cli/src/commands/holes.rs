//! Holes in a stream of events: what was lost, said where it is missing.

use genesis_client::Item;
use serde::Serialize;

use crate::exit::Failure;
use crate::output::{Output, one_line, style};

#[derive(Serialize)]
struct Lagged {
    lagged: u64,
}

#[derive(Serialize)]
struct Gap {
    gap: GapData,
}

#[derive(Serialize)]
struct GapData {
    seconds: f64,
    reason: String,
    attempts: u32,
}

/// Shows a hole as a line, or with `--json` as an object.
pub(super) fn show(hole: &Item, output: &mut Output) -> Result<(), Failure> {
    match hole {
        Item::Lagged(lagged) if output.json => output.object(&Lagged { lagged: *lagged }),
        Item::Gap(gap) if output.json => output.object(&Gap {
            gap: GapData {
                seconds: gap.duration.as_secs_f64(),
                reason: gap.reason.to_string(),
                attempts: gap.attempts,
            },
        }),
        hole => {
            let warn = output.style(style::WARN);
            output.line(&format!("{warn}-- {}{warn:#}", in_words(hole)))
        }
    }
}

/// What happened, in one line.
pub(super) fn in_words(hole: &Item) -> String {
    match hole {
        Item::Lagged(lagged) => {
            format!("{lagged} events lost here: stdout is read too slowly")
        }
        Item::Gap(gap) => format!(
            "the link was away for {:.1} s and is back (attempt {}): {}; events of that time are \
             missing",
            gap.duration.as_secs_f64(),
            gap.attempts,
            one_line(&gap.reason.to_string())
        ),
        // a kind of hole that this version does not know
        other => one_line(&format!("{other:?}")),
    }
}
