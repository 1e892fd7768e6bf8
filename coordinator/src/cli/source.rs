//! Where a verb that only looks finds its facts: the running coordinator of a data directory, or its ledger.

use super::data_dir::DataDir;
use super::group::{Group, said};
use crate::ledger::State;
use crate::peer::{NodeError, read_state};
use crate::replica::log::LogError;
use crate::view::{BuildView, Overview};
use anyhow::{Context, bail};
use imgcalc_proto::from_wire;
use imgcalc_proto::security::Credentials;
use imgcalc_proto::v1::{GetRequest, OverviewRequest};
use imgcalc_shared::build::BuildId;
use imgcalc_shared::explore::Answer;
use std::time::{Duration, Instant};

/// How long a holder that has not said yet where it listens is waited for.
const ANNOUNCE_WAIT: Duration = Duration::from_secs(5);

/// What can be asked about builds.
pub(super) enum Source {
    /// Coordinators that run.
    Running(Box<Group>),
    /// Nobody holds the data directory: its ledger as it lies.
    Lying(Box<State>),
}

impl Source {
    /// Finds who knows about a data directory.
    pub(super) async fn of(data_dir: &DataDir, credentials: Option<&Credentials>) -> anyhow::Result<Source> {
        let since = Instant::now();
        loop {
            match data_dir.holder()? {
                Some(holder) => {
                    if let Some(address) = holder.address {
                        let group = Group::new(vec![address], credentials.cloned())?;
                        return Ok(Source::Running(Box::new(group)));
                    }
                }
                None if !data_dir.ledger().exists() => {
                    bail!(
                        "there is no build in {}; start one with `imgcalc build SPEC`",
                        data_dir.0.display()
                    )
                }
                None => match read_state(&data_dir.0) {
                    Ok(state) => return Ok(Source::Lying(Box::new(state))),
                    // Another verb looks at it, or a build just started.
                    Err(NodeError::Log(LogError::Busy { .. })) => {}
                    Err(error) => return Err(error.into()),
                },
            }
            anyhow::ensure!(
                since.elapsed() < ANNOUNCE_WAIT,
                "the data directory {} is busy; try again",
                data_dir.0.display()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// All builds and workers.
    pub(super) async fn overview(&mut self) -> anyhow::Result<Overview> {
        match self {
            Source::Running(group) => {
                let ask = |mut client: super::group::Client| async move {
                    client.overview(OverviewRequest {}).await
                };
                let reply = group.ask(ask).await?;
                from_wire("overview", &reply.overview_json).map_err(|status| said(*status))
            }
            Source::Lying(state) => Ok(Overview::of(state, Vec::new(), |_| None)),
        }
    }

    /// All about one build.
    pub(super) async fn view(&mut self, build: &BuildId) -> anyhow::Result<BuildView> {
        match self {
            Source::Running(group) => {
                let ask = |mut client: super::group::Client| {
                    let build = build.to_string();
                    async move { client.get(GetRequest { build }).await }
                };
                let reply = group.ask(ask).await?;
                from_wire("view", &reply.view_json).map_err(|status| said(*status))
            }
            Source::Lying(state) => {
                BuildView::of(state, build, Vec::new()).with_context(|| format!("there is no build {build}"))
            }
        }
    }

    /// The build a text means: its id, a start of it that only one build has, or a name, then the latest of that
    /// name; without a text the latest of all.
    pub(super) async fn find(&mut self, text: Option<&str>) -> anyhow::Result<BuildId> {
        let ids: Vec<BuildId> = match self {
            // An overview plans every build; for a look at one build the names are enough.
            Source::Lying(state) => {
                let mut builds: Vec<_> = state.builds().iter().collect();
                builds.sort_by_key(|(_, build)| build.submitted_at_ms);
                builds.into_iter().map(|(id, _)| id.clone()).collect()
            }
            Source::Running(_) => self
                .overview()
                .await?
                .builds
                .into_iter()
                .map(|build| build.id)
                .collect(),
        };
        let Some(text) = text else {
            return ids
                .last()
                .cloned()
                .context("there is no build yet; start one with `imgcalc build SPEC`");
        };
        let named = |id: &&BuildId| id.0.rsplit_once('-').is_some_and(|(name, _)| name == text);
        if let Some(found) = ids
            .iter()
            .find(|id| id.0 == text)
            .or_else(|| ids.iter().rev().find(named))
        {
            return Ok(found.clone());
        }
        let starts: Vec<&BuildId> = ids.iter().filter(|id| id.0.starts_with(text)).collect();
        let known: Vec<String> = ids.iter().map(BuildId::to_string).collect();
        match starts.as_slice() {
            [one] => Ok((*one).clone()),
            [] => bail!("there is no build {text:?}; there are: {}", known.join(", ")),
            _ => bail!("{text:?} may mean several builds: {}", known.join(", ")),
        }
    }

    /// The answer of a build, derived from what is known: milliseconds, so it is never stored and never stale.
    pub(super) async fn answer(&mut self, build: &BuildId) -> anyhow::Result<Answer> {
        let view = self.view(build).await?;
        Ok(view.plan().answer(&view.build))
    }
}
