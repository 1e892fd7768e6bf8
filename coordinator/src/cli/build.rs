//! `imgcalc build`: the whole build on this machine. An embedded coordinator, local workers, live progress, and the
//! answer at the end.

use super::at::At;
use super::data_dir::{DataDir, Lock};
use super::progress::Watch;
use super::{answer, profile, spec_file};
use crate::leader::Terms;
use crate::ledger::BuildPhase;
use crate::peer::{NodeError, Options, Peer, StartError};
use crate::plan::Stage;
use crate::replica::log::LogError;
use crate::replica::{Identity, Timing};
use crate::server;
use crate::view::BuildView;
use anyhow::bail;
use imgcalc_cluster::{LocalOptions, LocalWorkers, Report};
use imgcalc_shared::build::BuildId;
use imgcalc_shared::task::FailureClass;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(500);
/// Workers get this long to end by themselves.
const GRACE: Duration = Duration::from_secs(10);
/// Another verb may look at the ledger for a moment.
const LEDGER_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The build spec, TOML.
    spec: PathBuf,
    /// Use a profile recorded with `imgcalc profile export` instead of measuring, where it is of the same hardware
    /// class.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Local workers, instead of what the spec says.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Its priority, where several builds share the workers.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    /// Also write the report to this file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// How watching a build came to its end.
enum End {
    /// The build is over.
    Over(Box<BuildView>),
    /// Somebody wants this program to stop.
    Interrupted,
    /// The base cannot be written or read.
    Stuck(String),
}

pub(super) async fn run(arguments: Args, at: &At) -> anyhow::Result<ExitCode> {
    let file = spec_file::read(&arguments.spec)?;
    let dataset = spec_file::dataset(&file).await?;
    let workers = arguments.workers.unwrap_or(file.spec.workers.count);
    let hardware = imgcalc_cluster::hardware_class(file.spec.workers.threads)?;
    if let Some(named) = file
        .spec
        .profile
        .hardware
        .as_ref()
        .filter(|named| **named != hardware)
    {
        tracing::warn!(
            "the spec wants profiles of {named}; this machine is {hardware} and cannot measure them"
        );
        anyhow::ensure!(
            arguments.profile.is_some(),
            "profile.hardware = {named:?}: this machine is {hardware:?}; give a recorded profile with --profile"
        );
    }
    let surroundings = spec_file::surroundings(&file, dataset, hardware.clone()).await?;
    let build = file.spec.resolve(&surroundings)?;
    let id = build.id();
    let records = arguments
        .profile
        .as_deref()
        .map(|path| profile::read(path, &build))
        .transpose()?;

    let what = format!("imgcalc build {}", arguments.spec.display());
    let data_dir = &at.data_dir;
    let here = Here::open(data_dir, &what).await?;
    let peer = &here.peer;
    let (_, known) = peer.submit(build.clone(), arguments.priority).await?;
    if let Some(records) = records {
        let adopted = peer.adopt(records).await?;
        eprintln!("took {adopted} recorded profile results over");
    }
    let (profiled, profiles) = peer.view(id.clone()).await?.plan().progress(Stage::Profile);
    anyhow::ensure!(
        build.hardware == hardware || profiled == profiles,
        "the recorded profile has {profiled} of the {profiles} results of {}, and this machine is {hardware}; \
         export it from a build of the same space, net and batch",
        build.hardware
    );
    eprintln!(
        "{} build {id} in {}",
        if known { "going on with" } else { "started" },
        data_dir.0.display()
    );

    match here.go_on(&id, workers, file.spec.workers.threads).await? {
        Some(view) => answer::over(&view, arguments.json, arguments.report, at),
        None => Ok(ExitCode::from(130)),
    }
}

/// The coordinator of this process, on a data directory of this machine alone.
pub(super) struct Here {
    pub(super) peer: Peer,
    address: SocketAddr,
    data_dir: DataDir,
    _lock: Lock,
}

impl Here {
    /// Takes the directory for this process. `what` it does is told to others who want the directory.
    pub(super) async fn open(data_dir: &DataDir, what: &str) -> anyhow::Result<Here> {
        let lock = data_dir.lock(what)?;
        let peer = open_alone(data_dir).await?;
        // Workers of an earlier process ended with it: what they held is open again without waiting for their leases.
        let why = "the build's process ended".to_string();
        peer.gone(None, FailureClass::Preempted, why).await?;
        let address = server::serve(peer.clone(), "127.0.0.1:0".parse()?).await?;
        lock.announce(address, what)?;
        Ok(Here {
            peer,
            address,
            data_dir: data_dir.clone(),
            _lock: lock,
        })
    }

    /// Does the work of a build with local workers, until it is over, and closes the coordinator. Nothing if somebody
    /// wants this program to stop before: that was said then.
    pub(super) async fn go_on(
        self,
        id: &BuildId,
        workers: u16,
        threads: u16,
    ) -> anyhow::Result<Option<Box<BuildView>>> {
        let mut local = LocalWorkers::start(LocalOptions {
            count: usize::from(workers),
            coordinators: self.address.to_string(),
            threads,
            name_prefix: "local".into(),
            log_folder: self.data_dir.logs(),
            extra_args: Vec::new(),
            program: None,
        })?;
        let end = watch(&self.peer, id, &mut local).await;
        tokio::task::block_in_place(|| local.stop(GRACE));
        // What a worker said while it stopped is in the ledger before this program ends.
        let view = self.peer.view(id.clone()).await;
        self.peer.close().await;
        match end? {
            End::Over(view) => Ok(Some(view)),
            End::Interrupted => {
                let done = view.map_or(0, |view| view.results.len());
                eprintln!("stopped; {done} results are kept. The same command goes on from there.");
                Ok(None)
            }
            End::Stuck(why) => {
                bail!("{why}\n  the build has stopped and lost nothing; the same command goes on")
            }
        }
    }
}

/// The ledger of a data directory that belongs to this machine alone.
pub(super) async fn open_alone(data_dir: &DataDir) -> anyhow::Result<Peer> {
    let since = Instant::now();
    loop {
        let options = Options {
            data_dir: data_dir.0.clone(),
            identity: Identity::alone(),
            terms: Terms::default(),
            timing: Timing::default(),
            credentials: None,
        };
        match Peer::start(options) {
            Err(StartError::Node(NodeError::Log(LogError::Busy { .. }))) if since.elapsed() < LEDGER_WAIT => {
                tokio::time::sleep(Duration::from_millis(50)).await
            }
            started => {
                let peer = started?;
                peer.leads().await?;
                return Ok(peer);
            }
        }
    }
}

async fn watch(peer: &Peer, id: &BuildId, local: &mut LocalWorkers) -> anyhow::Result<End> {
    let started_at = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_millis() as u64;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut display = Watch::new();
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            _ = tokio::signal::ctrl_c() => return Ok(End::Interrupted),
            _ = terminate.recv() => return Ok(End::Interrupted),
            why = peer.stopped() => bail!("{why}"),
        }
        for report in local.check() {
            match report {
                Report::Died {
                    worker,
                    how,
                    log,
                    restart_in: _,
                } => {
                    // Its end was seen, so nobody needs to wait for the lease.
                    let why = format!("the worker ended: {how}");
                    peer.gone(Some(worker.clone()), FailureClass::WorkerLost, why)
                        .await?;
                    display.say(&format!(
                        "worker {worker} ended ({how}) and is started again; see {}",
                        log.display()
                    ));
                }
                Report::Restarted { .. } => {}
                Report::NotStarted { worker, reason, .. } => {
                    display.say(&format!("worker {worker} cannot start: {reason}"))
                }
            }
        }
        let view = peer.view(id.clone()).await?;
        display.show(&view);
        match &view.phase {
            BuildPhase::Ended { .. } => return Ok(End::Over(Box::new(view))),
            BuildPhase::Cancelled => bail!("build {id} was cancelled; the same command goes on"),
            BuildPhase::Paused => bail!("build {id} was paused; the same command goes on"),
            BuildPhase::Running => {}
        }
        if let Some(why) = storage_failure(&view, started_at) {
            return Ok(End::Stuck(why));
        }
    }
}

/// What the base said to an attempt that failed on it since `started_at`.
fn storage_failure(view: &BuildView, started_at: u64) -> Option<String> {
    let open = view.attempts.iter().filter(|task| task.standing != "done");
    let last = open.filter_map(|task| {
        task.attempts
            .iter()
            .rev()
            .find(|attempt| attempt.failure.is_some())
    });
    last.filter(|attempt| attempt.started_at_ms >= started_at)
        .find_map(|attempt| match &attempt.failure {
            Some((FailureClass::Storage, why)) => Some(why.clone()),
            _ => None,
        })
}
