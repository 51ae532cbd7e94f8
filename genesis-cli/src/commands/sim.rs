//! `genesis sim`: a simulated FreeSWITCH.

use genesis_sim::Sim as Switch;
use genesis_sim::script::Script;
use serde::Serialize;

use super::Interrupts;
use crate::cli::Sim;
use crate::exit::Failure;
use crate::output::{Output, style};

#[derive(Serialize)]
struct Listening<'a> {
    listening: &'a str,
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
    let mut interrupts = Interrupts::new()?;
    let cannot = |error| Failure::failed(format!("cannot listen on {}: {error}", options.listen));
    let sim = Switch::builder()
        .password(&options.password)
        .listen(&options.listen)
        .switch(|switch| switch.script = script)
        .start()
        .await
        .map_err(cannot)?;
    let bound = sim.addr();
    let address = bound.map_or(options.listen, |address| address.to_string());
    if output.json {
        let listening = &address;
        output.object(&Listening { listening })?;
    } else {
        let bold = output.style(style::BOLD);
        output.line(&format!(
            "simulated FreeSWITCH listens on {bold}{address}{bold:#}"
        ))?;
    }
    output.flush()?;
    if bound.is_some_and(|address| !address.ip().is_loopback()) {
        tracing::warn!(
            "{address} can be reached from other machines: whoever knows the password is let in"
        );
    }
    interrupts.wait().await?;
    sim.shutdown().await;
    Ok(())
}
