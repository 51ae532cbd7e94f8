//! `genesis api`: one command and its output.

use genesis_client::proto::Command;
use serde::Serialize;

use crate::cli::Api;
use crate::exit::Failure;
use crate::output::Output;

#[derive(Serialize)]
struct ApiOutput<'a> {
    command: &'a str,
    ok: bool,
    body: &'a str,
}

pub(crate) async fn run(options: Api, output: &mut Output) -> Result<(), Failure> {
    let text = options.words.join(" ");
    // a command that cannot be sent is a mistake on the command line; no need to connect
    let command = Command::api(&text).map_err(genesis_client::Error::from)?;
    let client = options
        .connect
        .builder_within(options.timeout)?
        .connect(options.connect.address())
        .await?;
    let reply = client.timeout(options.timeout).send(command).await?;
    let refused = reply.is_refused();
    let body = if reply.is_empty_output() {
        "".into()
    } else {
        reply.text()
    };
    if output.json {
        output.object(&ApiOutput {
            command: &text,
            ok: !refused,
            body: &body,
        })?;
    } else if !refused {
        match reply.body() {
            Some(bytes) if !reply.is_empty_output() => output.text(bytes)?,
            _ => output.text(body.as_bytes())?,
        }
    }
    output.flush()?;
    client.exit().await;
    if refused {
        Err(refusal(&text, &body))
    } else {
        Ok(())
    }
}

/// What FreeSWITCH said against the command, in its own words.
pub(super) fn refusal(command: &str, text: &str) -> Failure {
    let name = command.split_whitespace().next().unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    Failure::failed(format!("FreeSWITCH refused {name}: {}", lines.join("; ")))
}
