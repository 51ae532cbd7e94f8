//! What a recorded client said, cut into commands as the switch cuts it.

use genesis_proto::Command;

/// A command as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedCommand {
    /// The first line.
    pub line: String,
    /// The header lines, `Content-Length` apart.
    pub headers: Vec<(String, String)>,
    /// The body, if a length announced one and it was sent.
    pub body: Option<Vec<u8>>,
}

impl RecordedCommand {
    /// The first word, in lower case.
    pub fn word(&self) -> String {
        let word = self.line.split(' ').next().unwrap_or("");
        word.to_ascii_lowercase()
    }

    /// The command that takes this one's place in a session. What Genesis refuses to build (a
    /// leading blank, a header without a name) is replaced by a word that the switch does not know.
    pub fn command(&self) -> Command {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        Command::raw_with(&self.line, &headers, self.body.as_deref())
            .or_else(|_| Command::raw(&self.line))
            .or_else(|_| Command::raw("refused"))
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.line))
    }
}

/// Cuts what a client sent as `read_packet` of mod_event_socket.c does: carriage returns are
/// skipped, so are line feeds before a command, and a blank line ends it. An unfinished command
/// at the end is left out.
pub fn recorded_commands(bytes: &[u8]) -> Vec<RecordedCommand> {
    let text: Vec<u8> = bytes.iter().copied().filter(|&b| b != b'\r').collect();
    let mut rest = &text[..];
    let mut commands = Vec::new();
    loop {
        let skip = rest.iter().take_while(|&&b| b == b'\n').count();
        rest = &rest[skip..];
        let Some(end) = rest.windows(2).position(|pair| pair == b"\n\n") else {
            return commands;
        };
        let block = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 2..];
        let mut lines = block.split('\n');
        let mut command = RecordedCommand {
            line: lines.next().unwrap_or("").to_owned(),
            headers: Vec::new(),
            body: None,
        };
        let mut length = 0;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            } else {
                let value = value.trim_start_matches(' ');
                command.headers.push((name.to_owned(), value.to_owned()));
            }
        }
        if length > 0 && length <= rest.len() {
            command.body = Some(rest[..length].to_vec());
            rest = &rest[length..];
        }
        commands.push(command);
    }
}
