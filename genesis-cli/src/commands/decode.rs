//! `genesis decode`: raw bytes to JSON lines.

use std::fs::File;
use std::io::{self, Read};

use genesis_client::proto::{Framer, Limits};
use serde::Serialize;

use crate::cli::Decode;
use crate::exit::Failure;
use crate::output::Output;

/// How much is read at once; a frame may be longer, never the whole input is kept.
const CHUNK: usize = 64 * 1024;

/// The last line when the input ends inside a frame.
#[derive(Serialize)]
struct Truncated {
    error: &'static str,
    offset: u64,
}

pub(crate) fn run(options: &Decode, output: &mut Output) -> Result<(), Failure> {
    let default = Limits::default();
    let limits = Limits {
        body: options.max_body,
        // the limit that was asked for is the one that counts
        frame: options.max_body.saturating_add(default.header_block),
        ..default
    };
    match options.file.as_ref().filter(|file| file.as_os_str() != "-") {
        Some(path) => {
            let name = path.display().to_string();
            match File::open(path) {
                Ok(file) => decode(file, &name, limits, output),
                Err(error) => Err(Failure::usage(format!("cannot read {name}: {error}"))),
            }
        }
        None => decode(io::stdin().lock(), "stdin", limits, output),
    }
}

fn decode(
    mut input: impl Read,
    name: &str,
    limits: Limits,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut framer = Framer::with_limits(limits);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match input.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::usage(format!("cannot read {name}: {error}"))),
        };
        if read == 0 {
            break;
        }
        let broken =
            |error| Failure::failed(format!("{name} is not an event socket stream: {error}"));
        framer.feed(&chunk[..read]).map_err(broken)?;
        while let Some(frame) = framer.next_frame().map_err(broken)? {
            output.object(&frame)?;
        }
        // the input may be a live connection
        output.flush()?;
    }
    if let Some(rest) = framer.finish() {
        // a frame without its body is missed from where the body begins
        let header_block = rest.bytes().windows(2).position(|pair| pair == b"\n\n");
        let missed = header_block.map_or(0, |end| end as u64 + 2);
        output.object(&Truncated {
            error: "truncated",
            offset: rest.offset() + missed,
        })?;
    }
    Ok(())
}
