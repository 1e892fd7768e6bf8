//! `imgcalc logs`: a build's lines, from every coordinator that led while it ran.

use super::at::At;
use super::group::{Client, Group, said};
use super::output;
use super::source::Source;
use anyhow::bail;
use imgcalc_proto::v1::LogsRequest;
use imgcalc_shared::build::BuildId;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The build: its id, a start of it, or its name; the latest unless given.
    build: Option<String>,
    /// Go on until the build ends.
    #[arg(long, short)]
    follow: bool,
}

/// A coordinator that does not answer so fast has its lines left out.
const PAST_MAX: Duration = Duration::from_secs(5);
/// A group without a leader is given so long before following ends.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn run(arguments: Args, at: &At) -> anyhow::Result<()> {
    let mut source = at.source().await?;
    let id = source.find(arguments.build.as_deref()).await?;
    match source {
        Source::Running(mut group) => {
            let mut printed = past(&mut group, &id, &BTreeSet::new()).await?;
            let mut since = Instant::now();
            if !arguments.follow {
                return Ok(());
            }
            loop {
                // A line that came while another coordinator led is with that one.
                if let Ok(fresh) = past(&mut group, &id, &printed).await {
                    printed.extend(fresh);
                    since = Instant::now();
                }
                match follow(&mut group, &id, &mut printed).await {
                    Ok(()) => return Ok(()),
                    Err(_) if since.elapsed() < PATIENCE => {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                    Err(error) => bail!("no coordinator answers: {error:#}"),
                }
            }
        }
        Source::Lying(_) => {
            for line in crate::leader::log_lines(&at.data_dir.logs(), &id) {
                output::print(&line);
            }
            Ok(())
        }
    }
}

/// Prints what all coordinators have written so far and is not printed yet, in order of time.
async fn past(
    group: &mut Group,
    build: &BuildId,
    printed: &BTreeSet<String>,
) -> anyhow::Result<BTreeSet<String>> {
    let addresses = group.everybody().await;
    let mut lines: Vec<String> = Vec::new();
    let mut answered = 0;
    for address in addresses {
        let client = group.client(&address)?;
        if let Ok(Ok(some)) = tokio::time::timeout(PAST_MAX, here(client, build)).await {
            answered += 1;
            lines.extend(some);
        }
    }
    anyhow::ensure!(answered > 0, "no coordinator answers");
    // Each begins with its time, to the second; those of one coordinator come in their order.
    lines.sort_by(|one, other| time(one).cmp(time(other)));
    let mut fresh = BTreeSet::new();
    for line in lines {
        if !printed.contains(&line) && fresh.insert(line.clone()) {
            output::print(&line);
        }
    }
    Ok(fresh)
}

fn time(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

async fn here(mut client: Client, build: &BuildId) -> anyhow::Result<Vec<String>> {
    let request = LogsRequest {
        build: build.to_string(),
        follow: false,
        here: true,
    };
    let mut stream = client.logs(request).await.map_err(said)?.into_inner();
    let mut lines = Vec::new();
    while let Some(line) = stream.message().await.map_err(said)? {
        lines.push(line.text);
    }
    Ok(lines)
}

/// Prints what the leader writes until the build ends; an error when the leader goes.
async fn follow(group: &mut Group, build: &BuildId, printed: &mut BTreeSet<String>) -> anyhow::Result<()> {
    let ask = |mut client: Client| {
        let request = LogsRequest {
            build: build.to_string(),
            follow: true,
            here: false,
        };
        async move { client.logs(request).await }
    };
    let mut lines = group.ask(ask).await?;
    while let Some(line) = lines.message().await.map_err(said)? {
        if printed.insert(line.text.clone()) || !line.past {
            output::print(&line.text);
        }
    }
    // The channel ends with the build, and with the reign of its leader.
    let ask = |mut client: Client| {
        let build = build.to_string();
        async move { client.get(imgcalc_proto::v1::GetRequest { build }).await }
    };
    let reply = group.ask(ask).await?;
    let view: crate::view::BuildView =
        imgcalc_proto::from_wire("view", &reply.view_json).map_err(|status| said(*status))?;
    match view.phase {
        crate::ledger::BuildPhase::Running | crate::ledger::BuildPhase::Paused => bail!("the leader changed"),
        _ => Ok(()),
    }
}
