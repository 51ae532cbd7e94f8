//! The table of channels.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

use super::view::{View, clock};
use crate::output::{Output, one_line, style};

/// The columns and how wide each may get, in places on the screen.
const COLUMNS: [(&str, usize); 8] = [
    ("UUID", 36),
    ("DIRECTION", 9),
    ("STATE", 10),
    ("FOR", 14),
    ("CALLER", 28),
    ("DESTINATION", 24),
    ("APPLICATION", 36),
    ("BRIDGED TO", 36),
];
const STATE: usize = 2;
/// Places between two columns.
const GAP: usize = 2;

/// The styles of a table.
#[derive(Debug)]
pub(super) struct Styles {
    heading: anstyle::Style,
    good: anstyle::Style,
    bad: anstyle::Style,
    warn: anstyle::Style,
    dim: anstyle::Style,
}

impl Styles {
    pub(super) fn new(output: &Output) -> Self {
        Self {
            heading: output.style(style::BOLD),
            good: output.style(style::GOOD),
            bad: output.style(style::BAD),
            warn: output.style(style::WARN),
            dim: output.style(style::DIM),
        }
    }

    fn state(&self, callstate: &str) -> anstyle::Style {
        match callstate {
            "ACTIVE" => self.good,
            "RINGING" | "EARLY" | "RING_WAIT" => self.warn,
            "HANGUP" => self.bad,
            _ => self.dim,
        }
    }
}

/// The heading and a line for each channel. No line is wider than `width` places, if given.
pub(super) fn lines(
    views: &[&View],
    now: u64,
    width: Option<usize>,
    styles: &Styles,
) -> Vec<String> {
    let rows: Vec<[String; 8]> = views.iter().map(|view| cells(view, now)).collect();
    let widths: [usize; 8] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| places(&row[column]));
        cells.max().unwrap_or(0).max(COLUMNS[column].0.len())
    });
    let width = width.unwrap_or(usize::MAX);
    let plain = style::NONE;
    let heading = COLUMNS.map(|(name, _)| (name.to_owned(), styles.heading));
    let mut lines = vec![line(&heading, &widths, width)];
    for (row, view) in rows.into_iter().zip(views) {
        let mut column = 0;
        let row = row.map(|cell| {
            let style = match column {
                STATE => styles.state(&view.callstate),
                _ => plain,
            };
            column += 1;
            (cell, style)
        });
        lines.push(line(&row, &widths, width));
    }
    lines
}

fn cells(view: &View, now: u64) -> [String; 8] {
    let cells = [
        view.uuid.clone(),
        view.direction.clone(),
        match &*view.callstate {
            // an old switch has no such column
            "" => view.state.trim_start_matches("CS_").to_owned(),
            state => state.to_owned(),
        },
        view.duration(now).map(clock).unwrap_or_default(),
        view.caller(),
        view.dest.clone(),
        view.runs(),
        view.bridged_to.clone().unwrap_or_default(),
    ];
    let mut column = 0;
    cells.map(|cell| {
        let most = COLUMNS[column].1;
        column += 1;
        match one_line(&cell) {
            empty if empty.is_empty() => "-".to_owned(),
            text => cut(&text, most),
        }
    })
}

fn line(row: &[(String, anstyle::Style); 8], widths: &[usize; 8], width: usize) -> String {
    let mut line = String::new();
    let mut left = width;
    for (column, (cell, style)) in row.iter().enumerate() {
        let cell = cut(cell, left);
        let used = places(&cell);
        let _ = write!(line, "{style}{cell}{style:#}");
        left -= used;
        let padding = (widths[column] - used.min(widths[column]) + GAP).min(left);
        if column + 1 == row.len() || left == 0 {
            break;
        }
        line.extend(std::iter::repeat_n(' ', padding));
        left -= padding;
    }
    line.trim_end().to_owned()
}

/// How many places on the screen a text takes.
pub(super) fn places(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// At most this many places of a text; what is cut off leaves a `…`.
pub(super) fn cut(text: &str, most: usize) -> String {
    if places(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > most {
            break;
        }
        kept.push(c);
    }
    if most > 0 {
        kept.push('…');
    }
    kept
}

/// How many channels there are and how many of them are bridged.
pub(super) fn count(views: &[&View]) -> String {
    let bridged = views.iter().filter(|view| view.bridged_to.is_some());
    let channels = match views.len() {
        0 => return "no channels".to_owned(),
        1 => "1 channel".to_owned(),
        count => format!("{count} channels"),
    };
    match bridged.count() {
        0 => channels,
        bridged => format!("{channels}, {bridged} of them bridged"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::test_view;
    use super::*;

    const PLAIN: Styles = Styles {
        heading: style::NONE,
        good: style::NONE,
        bad: style::NONE,
        warn: style::NONE,
        dim: style::NONE,
    };

    fn example() -> View {
        test_view(&[
            ("uuid", "6423c44e-0c5d-4692-a5dd-498c22000000"),
            ("direction", "inbound"),
            ("callstate", "ACTIVE"),
            ("created_epoch", "1000"),
            ("cid_name", "Alice"),
            ("cid_num", "1001"),
            ("dest", "9664"),
            ("application", "playback"),
            ("application_data", "local_stream://moh"),
        ])
    }

    #[test]
    fn a_channel_is_a_row() {
        let view = example();
        assert_eq!(
            lines(&[&view], 1125, None, &PLAIN),
            [
                "UUID                                  DIRECTION  STATE   FOR   CALLER        \
                 DESTINATION  APPLICATION                  BRIDGED TO",
                "6423c44e-0c5d-4692-a5dd-498c22000000  inbound    ACTIVE  2:05  Alice <1001>  \
                 9664         playback local_stream://moh  -",
            ]
        );
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let mut view = example();
        view.cid_name = "\u{5f20}\u{4f1f}\u{1b}[2J\n".repeat(9);
        for width in [0, 1, 10, 38, 80, 100, 200] {
            for line in lines(&[&view], 1125, Some(width), &PLAIN) {
                assert!(places(&line) <= width, "{width}: {line}");
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }

    #[test]
    fn wide_characters_keep_the_columns_straight() {
        let (mut wide, narrow) = (example(), example());
        wide.cid_name = "\u{5f20}\u{4f1f}".to_owned();
        let lines = lines(&[&wide, &narrow], 1125, None, &PLAIN);
        let at = |line: &str| places(line.split("9664").next().unwrap());
        assert_eq!(at(&lines[1]), at(&lines[2]));
    }
}
