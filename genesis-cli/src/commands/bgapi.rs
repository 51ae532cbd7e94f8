//! `genesis bgapi`: one command in the background and its job's result.

use genesis_client::proto::Command;
use serde::Serialize;

use super::api::refusal;
use crate::cli::Bgapi;
use crate::exit::Failure;
use crate::output::Output;

#[derive(Serialize)]
struct JobOutput<'a> {
    command: &'a str,
    ok: bool,
    job_uuid: Option<&'a str>,
    body: &'a str,
}

pub(crate) async fn run(options: Bgapi, output: &mut Output) -> Result<(), Failure> {
    let text = options.words.join(" ");
    // a command that cannot be sent is a mistake on the command line; no need to connect
    Command::api(&text).map_err(genesis_client::Error::from)?;
    let client = options
        .connect
        .builder_within(options.timeout)?
        .connect(options.connect.address())
        .await?;
    let patient = client.timeout(options.timeout);
    let (uuid, result) = match patient.bgapi_start(&text).await {
        Ok(job) => (Some(job.uuid().to_owned()), job.result().await),
        Err(error) => (None, Err(error)),
    };
    let (ok, body) = match result {
        Ok(result) => (true, result.text()),
        Err(error) if error.is_refused() => {
            (false, error.switch_text().unwrap_or_default().to_owned())
        }
        Err(error) => return Err(error.into()),
    };
    if output.json {
        let job_uuid = uuid.as_deref();
        output.object(&JobOutput {
            command: &text,
            ok,
            job_uuid,
            body: &body,
        })?;
    } else if ok {
        output.text(body.as_bytes())?;
    }
    output.flush()?;
    client.exit().await;
    if ok {
        Ok(())
    } else {
        Err(refusal(&text, &body))
    }
}
