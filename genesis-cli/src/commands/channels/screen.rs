//! The table on a terminal, redrawn as it changes.

use std::collections::VecDeque;
use std::time::Duration;

use genesis_client::LinkState;
use tokio::time::Instant;

use super::board::Board;
use super::now;
use super::table::{Styles, count, cut, lines};
use crate::exit::Failure;
use crate::output::{Output, one_line, style};

/// Not drawn more often than this.
const BUSY: Duration = Duration::from_millis(100);
/// And this often when nothing happens, because durations grow.
const IDLE: Duration = Duration::from_secs(1);
/// How many notices stay on the screen; the oldest goes.
const NOTICES: usize = 3;

/// The other screen of the terminal, without a cursor; and back.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l";
const LEAVE: &[u8] = b"\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
/// Clears what an older drawing left in the line, and below it.
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
/// Of a terminal that does not say, in places.
const USUAL_SIZE: (usize, usize) = (80, 24);

/// The table on the terminal's other screen. What was on the terminal comes back when it is
/// dropped.
#[derive(Debug)]
pub(super) struct Screen<'a> {
    output: &'a mut Output,
    styles: Styles,
    address: String,
    notices: VecDeque<String>,
    drawn: Option<Instant>,
    dirty: bool,
}

impl<'a> Screen<'a> {
    pub(super) fn new(address: String, output: &'a mut Output) -> Result<Self, Failure> {
        output.bytes(ENTER)?;
        output.flush()?;
        Ok(Self {
            styles: Styles::new(output),
            output,
            address,
            notices: VecDeque::new(),
            drawn: None,
            dirty: true,
        })
    }

    /// Something changed.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    pub(super) fn notice(&mut self, text: &str) {
        self.notices
            .push_back(format!("{} {text}", self.output.clock()));
        if self.notices.len() > NOTICES {
            self.notices.pop_front();
        }
        self.dirty = true;
    }

    /// When to draw next.
    pub(super) fn due(&self) -> Instant {
        match self.drawn {
            None => Instant::now(),
            Some(drawn) if self.dirty => drawn + BUSY,
            Some(drawn) => drawn + IDLE,
        }
    }

    pub(super) fn draw(&mut self, board: &Board, state: &LinkState) -> Result<(), Failure> {
        self.drawn = Some(Instant::now());
        self.dirty = false;
        let (width, height) = match terminal_size::terminal_size() {
            Some((width, height)) => (width.0.into(), height.0.into()),
            None => USUAL_SIZE,
        };
        // the last column stays free: clearing a line behind it would take a character away
        let picture = self.picture(board, state, width.saturating_sub(1), height);
        self.output.bytes(HOME.as_bytes())?;
        self.output.bytes(picture.as_bytes())?;
        self.output.bytes(CLEAR_BELOW.as_bytes())?;
        self.output.flush()
    }

    /// At most `height` lines of at most `width` places, without a line feed after the last.
    fn picture(&self, board: &Board, state: &LinkState, width: usize, height: usize) -> String {
        let (bold, warn) = (
            self.output.style(style::BOLD),
            self.output.style(style::WARN),
        );
        let views = board.views();
        let link = match state {
            LinkState::Connected => String::new(),
            LinkState::Reconnecting { attempt, .. } => {
                format!("; the link is lost, attempt {attempt} to get it back")
            }
            LinkState::Closed(reason) => format!("; {}", one_line(&reason.to_string())),
            other => format!("; {}", one_line(&format!("{other:?}"))),
        };
        let title = format!(
            "{}, {}: {}{link}",
            self.address,
            self.output.clock(),
            count(&views)
        );
        let mut all = vec![format!("{bold}{}{bold:#}", cut(&title, width))];
        for notice in &self.notices {
            all.push(format!("{warn}{}{warn:#}", cut(notice, width)));
        }
        if !views.is_empty() {
            all.push(String::new());
            let table = lines(&views, now(), Some(width), &self.styles);
            let room = height.saturating_sub(all.len());
            if table.len() <= room {
                all.extend(table);
            } else {
                // the last line says how many there are below it
                let shown = room.saturating_sub(1);
                let hidden = table.len() - shown.max(1);
                all.extend(table.into_iter().take(shown));
                let more = format!("… and {hidden} more; `genesis channels` shows all");
                all.push(cut(&more, width));
            }
        }
        all.truncate(height);
        let mut picture = all.join(&format!("{CLEAR_LINE}\r\n"));
        picture.push_str(CLEAR_LINE);
        picture
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        // a terminal that has gone needs no cursor
        let _ = self.output.bytes(LEAVE);
        let _ = self.output.flush();
    }
}

#[cfg(test)]
mod tests {
    use genesis_client::proto::{Event, EventName};

    use super::*;

    #[test]
    fn a_small_terminal_is_not_overrun() {
        let mut board = Board::default();
        for n in 0..50 {
            let event = Event::builder(EventName::ChannelCreate)
                .header("Unique-ID", format!("leg-{n}"))
                .unwrap()
                .build();
            board.apply(&event);
        }
        let (mut output, _) = Output::to_memory(false);
        let styles = Styles::new(&output);
        let mut screen = Screen {
            styles,
            output: &mut output,
            address: "pbx:8021".to_owned(),
            notices: VecDeque::new(),
            drawn: None,
            dirty: true,
        };
        for _ in 0..10 {
            screen.notice("the link was away");
        }
        for height in [1, 2, 5, 6, 10, 24, 100] {
            let picture = screen.picture(&board, &LinkState::Connected, 40, height);
            assert!(picture.split("\r\n").count() <= height, "{height}");
            assert!(picture.contains("50 channels"), "{picture}");
        }
        let picture = screen.picture(&board, &LinkState::Connected, 60, 24);
        let rows = picture.matches("leg-").count();
        assert!(picture.contains(&format!("and {} more", 50 - rows)));
    }
}
