//! Writes the seeds of the fuzzer: `fuzz_seeds FOLDER` makes FOLDER/{framer,event,session} from
//! the recordings. The first byte of a seed is the choice that `fuzz/src/lib.rs` describes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use genesis_proto::EventFormat;
use genesis_proto::frame::FrameKind;
use genesis_tests::{Recording, frames};

/// Short inputs are mutated faster, and the frames of a recording are much alike.
const LONGEST: usize = 4000;

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: fuzz_seeds FOLDER");
        std::process::exit(2);
    };
    for target in ["framer", "event", "session"] {
        fs::create_dir_all(folder.join(target))?;
    }
    let mut seen = BTreeSet::new();
    for recording in Recording::all_but_bursts() {
        streams(&folder, &recording)?;
        events(&folder, &recording, &mut seen)?;
    }
    Ok(())
}

/// The start of what each side sent, and its end.
fn streams(folder: &Path, recording: &Recording) -> io::Result<()> {
    let (switch, client) = (recording.from_switch(), recording.from_client());
    let head = |bytes: &[u8]| bytes[..bytes.len().min(LONGEST)].to_vec();
    let tail = |bytes: &[u8]| bytes[bytes.len().saturating_sub(LONGEST)..].to_vec();
    let name = recording.name();
    let outbound = u8::from(name.starts_with("outbound_"));
    let write = |target: &str, kind: &str, choice: u8, bytes: Vec<u8>| {
        let path = folder.join(target).join(format!("{name}.{kind}"));
        fs::write(path, [vec![choice], bytes].concat())
    };
    write("framer", "head", 40, head(&switch))?;
    write("session", "head", outbound | 32, head(&switch))?;
    write("session", "client", 3 | 32, head(&client))?;
    if switch.len() > LONGEST {
        write("framer", "tail", 7, tail(&switch))?;
    }
    Ok(())
}

/// One document of each name in each format.
fn events(
    folder: &Path,
    recording: &Recording,
    seen: &mut BTreeSet<(u8, String)>,
) -> io::Result<()> {
    let decoded = frames([&recording.from_switch()[..]]).map_err(io::Error::other)?;
    for frame in decoded.frames {
        let choice = match frame.kind() {
            FrameKind::Event(EventFormat::Plain) => 0,
            FrameKind::Event(EventFormat::Json) => 1,
            FrameKind::Event(EventFormat::Xml) => 2,
            _ => continue,
        };
        let body = frame.body().unwrap_or(b"");
        let name = genesis_proto::Event::from_frame(&frame)
            .map(|event| event.name().as_str().to_owned())
            .unwrap_or_else(|_| format!("unreadable-{}", recording.name()));
        if body.len() <= 2 * LONGEST && seen.insert((choice, name.clone())) {
            let path = folder
                .join("event")
                .join(format!("{choice}-{}", seen.len()));
            fs::write(path, [&[choice], body].concat())?;
        }
    }
    Ok(())
}
