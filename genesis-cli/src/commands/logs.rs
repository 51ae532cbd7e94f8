//! `genesis logs`: FreeSWITCH's log.

use genesis_client::LogItem;
use genesis_client::proto::LogLine;
use genesis_client::proto::name::LogLevel;
use serde::Serialize;

use super::Interrupts;
use crate::cli::Logs;
use crate::exit::Failure;
use crate::observability::Observed;
use crate::output::{Output, printable, style};

#[derive(Serialize)]
struct Line<'a> {
    level: Option<&'static str>,
    file: Option<&'a str>,
    line: Option<u32>,
    function: Option<&'a str>,
    unique_id: Option<&'a str>,
    text: &'a str,
}

#[derive(Serialize)]
struct Lagged {
    lagged: u64,
}

pub(crate) async fn run(
    options: Logs,
    seen: &Observed,
    output: &mut Output,
) -> Result<(), Failure> {
    let builder = options.connect.builder()?;
    let address = options.connect.address();
    let mut interrupts = Interrupts::new()?;
    let follow = async {
        let client = builder.connect(address).await?;
        seen.follow(&client).await?;
        let mut log = client.log(options.level).await?;
        loop {
            let Some(item) = log.next().await else {
                return Err(Failure::lost(client.close_reason().as_ref()));
            };
            show(item, output)?;
            output.flush()?;
        }
    };
    tokio::select! {
        done = follow => done,
        interrupted = interrupts.wait() => interrupted,
    }
}

fn show(item: LogItem, output: &mut Output) -> Result<(), Failure> {
    match item {
        LogItem::Line(line) if output.json => output.object(&Line {
            level: line.level().map(LogLevel::as_str),
            file: line.file().as_deref(),
            line: line.line(),
            function: line.function().as_deref(),
            unique_id: line.unique_id().as_deref(),
            text: &line.text(),
        }),
        LogItem::Line(line) => {
            let style = output.style(colour(&line));
            output.line(&format!(
                "{style}{}{style:#}",
                printable(line.text().trim_end())
            ))
        }
        LogItem::Lagged(lagged) if output.json => output.object(&Lagged { lagged }),
        LogItem::Lagged(lagged) => {
            let warn = output.style(style::WARN);
            output.line(&format!(
                "{warn}-- {lagged} lines lost here: stdout is read too slowly{warn:#}"
            ))
        }
        // a kind of hole that this version does not know
        other => output.line(&format!("-- {other:?}")),
    }
}

fn colour(line: &LogLine) -> anstyle::Style {
    match line.level() {
        Some(LogLevel::Console | LogLevel::Alert | LogLevel::Crit | LogLevel::Err) => style::BAD,
        Some(LogLevel::Warning) => style::WARN,
        Some(LogLevel::Notice) => style::NAME,
        Some(LogLevel::Info) => style::GOOD,
        Some(LogLevel::Debug) | None => style::DIM,
    }
}
