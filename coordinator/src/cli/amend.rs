//! Asks for an amendment of a build and sees it done: by the coordinators that run, or else by this process.

use super::at::At;
use super::build::Here;
use super::group::Client;
use super::output;
use super::source::Source;
use super::submit;
use crate::ledger::BuildPhase;
use crate::view::BuildView;
use imgcalc_proto::to_wire;
use imgcalc_proto::v1::AmendRequest;
use imgcalc_shared::build::Amendment;

/// How it is to be done.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct HowArgs {
    /// Local workers, where no coordinator runs.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: u16,
    /// Where coordinators run: watch until it is over, and print the answer. Ctrl-C stops the watching, not the build.
    #[arg(long, short)]
    wait: bool,
}

/// What came of asking.
pub(super) enum Came {
    /// The build is over, and this is what is known of it now.
    Over(Box<BuildView>),
    /// It is asked for, and others do it.
    Asked,
    /// Somebody interrupted this program.
    Interrupted,
}

/// Asks for an amendment of a build that looked like `before`. `verb` is what people typed.
pub(super) async fn amend(
    source: Source,
    before: &BuildView,
    amendment: &Amendment,
    verb: &str,
    how: &HowArgs,
    at: &At,
) -> anyhow::Result<Came> {
    let id = &before.id;
    let over = matches!(before.phase, BuildPhase::Ended { .. });
    let after = match source {
        _ if over && before.build.amendments.contains(amendment) => Some(Box::new(before.clone())),
        Source::Running(mut group) => {
            let ask = |mut client: Client| {
                let request = AmendRequest {
                    build: id.to_string(),
                    amendment_json: to_wire(amendment),
                };
                async move { client.amend(request).await }
            };
            let known = group.ask(ask).await?.known;
            let words = if known { "asked for before" } else { "asked for" };
            eprintln!("{amendment} of build {id}: {words}");
            if !how.wait {
                output::print(&id.to_string());
                eprintln!("watch it: imgcalc status {id} {}", at.flag());
                return Ok(Came::Asked);
            }
            submit::watched(&mut Source::Running(group), id)
                .await?
                .map(Box::new)
        }
        Source::Lying(_) => {
            let here = Here::open(&at.data_dir, &format!("imgcalc {verb} {id}")).await?;
            here.peer.amend(id.clone(), amendment.clone()).await?;
            eprintln!(
                "training {amendment} of build {id} in {}",
                at.data_dir.0.display()
            );
            here.go_on(id, how.workers, before.build.threads).await?
        }
    };
    Ok(after.map_or(Came::Interrupted, Came::Over))
}
