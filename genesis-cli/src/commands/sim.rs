//! `genesis sim`: a simulated FreeSWITCH.

use genesis_sim::Sim as Switch;
use genesis_sim::script::Script;
use serde::Serialize;

use super::Interrupts;
use crate::cli::Sim;
use crate::exit::Failure;
use crate::output::{Output, style};

#[derive(Serialize)]
struct Listening {
    listening: String,
}

pub(crate) async fn run(options: Sim, output: &mut Output) -> Result<(), Failure> {
    if options.password.is_empty() || options.password.expose().contains(char::is_control) {
        return Err(Failure::usage(
            "the password is empty or holds a control character: nobody could log in",
        ));
    }
    let script = match &options.script {
        Some(path) => Script::from_file(path).map_err(|error| Failure::usage(error.to_string()))?,
        None => Script::new(),
    };
    // before the address is told, so that whoever reads it may stop us at once
    let interrupts = Interrupts::new()?;
    let listen = options.listen;
    let cannot = |error| Failure::failed(format!("cannot listen on {listen}: {error}"));
    let sim = Switch::builder()
        .password(&options.password)
        .listen(&listen.to_string())
        .switch(|switch| switch.script = script)
        .start()
        .await
        .map_err(cannot)?;
    let address = sim.addr().unwrap_or(listen).to_string();
    if output.json {
        output.object(&Listening { listening: address })?;
    } else {
        let bold = output.style(style::BOLD);
        output.line(&format!(
            "simulated FreeSWITCH listens on {bold}{address}{bold:#}"
        ))?;
    }
    output.flush()?;
    if !listen.ip().is_loopback() {
        tracing::warn!(
            "{listen} can be reached from other machines: whoever knows the password is let in"
        );
    }
    interrupts.wait().await?;
    sim.shutdown().await;
    Ok(())
}
