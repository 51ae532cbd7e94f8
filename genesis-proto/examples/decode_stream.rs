//! Decodes a recorded ESL stream from standard input and prints what is in it.
//!
//! ```text
//! cargo run -p genesis-proto --example decode_stream < stream.bin
//! ```

use std::io::Read;

use genesis_proto::headers::DecodeBuffer;
use genesis_proto::{Event, Framer};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut framer = Framer::new();
    let mut chunk = [0; 64 * 1024];
    let mut input = std::io::stdin().lock();
    let mut scratch = DecodeBuffer::new();
    loop {
        let count = input.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        framer.feed(&chunk[..count])?;
        while let Some(frame) = framer.next_frame()? {
            match Event::from_frame(&frame) {
                Ok(event) => {
                    let mut headers = 0;
                    event.decode(&mut scratch, |_, _| headers += 1);
                    println!("{} with {headers} headers", event.name());
                }
                Err(_) => println!("{:?}", frame),
            }
        }
    }
    if let Some(rest) = framer.finish() {
        println!(
            "unfinished: {} bytes at byte {}",
            rest.bytes().len(),
            rest.offset()
        );
        if let Some(notice) = rest.notice() {
            println!("the switch says: {}", notice.text());
        }
    }
    Ok(())
}
