//! The agent: takes tasks from the coordinators, has the runner do them, hands the outcomes over.
//!
//! A missed message kills nothing: while no coordinator answers, the runner works on, and its result is kept until one
//! does. The agent never names the engine; its memory stays small and its life independent of what the runner does.
//!
//! A worker is expendable: told to end, by a coordinator or by a signal, it has the training write a checkpoint, hands the
//! attempt back, says goodbye, and is gone within its grace whether anybody answered or not.

mod attempt;
mod backoff;
mod child;
mod hand_over;
mod home;
mod host;
mod leftovers;
mod link;
mod reporter;
mod sequence;
mod shutdown;

use crate::data::Account;
use crate::failure::Failure;
use crate::runner::protocol::Job;
use crate::stages::Cadence;
use child::{Recipe, Runner};
use home::Home;
use imgcalc_proto::security::{Credentials, CredentialsError, Role};
use imgcalc_proto::v1::{Assignment, LeaseRequest, RegisterRequest};
use imgcalc_proto::{PROTOCOL, from_wire};
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::{FailureClass, Outcome, Task};
use leftovers::Leftovers;
use link::{CALL_LIMIT, Link};
use reporter::Reporter;
use sequence::Sequence;
use shutdown::Shutdown;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

pub use link::LinkError;

/// A coordinator holds a request for work so long.
const LEASE_WAIT: Duration = Duration::from_secs(20);
/// A runner without work is ended after so long.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// How an agent works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses of the coordinators, host:port.
    pub coordinators: Vec<String>,
    /// Folder of credentials; without one only coordinators on this machine are spoken to.
    pub credentials: Option<PathBuf>,
    /// Name of the worker; host and process id if none is given.
    pub name: Option<String>,
    /// Host it runs on, on which profiles run alone; the name of this machine if none is given.
    pub host: Option<String>,
    /// URL of the only base it works on; any if none is given.
    pub base: Option<String>,
    /// Threads a training may use.
    pub threads: u16,
    /// The program that has the `runner` and `hardware` verbs.
    pub program: PathBuf,
    /// Folder that keeps what is read of remote bases, if any.
    pub cache: Option<PathBuf>,
    /// Most bytes of it.
    pub cache_bytes_max: u64,
    /// When a training writes a checkpoint.
    pub cadence: Cadence,
    /// Time to end in after a signal or a drain.
    pub grace: Duration,
    /// Go on alone this long, whatever the coordinator lays down.
    pub orphan_override: Option<Duration>,
}

/// Why an agent ends that was not told to.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The coordinators are gone, or refuse.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The base it is to work on is not there.
    #[error("{}", .0.message)]
    Base(Failure),
    /// The folder of credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The operating system denies something basic.
    #[error("cannot {what}: {error}")]
    System {
        /// Denied.
        what: &'static str,
        /// Why.
        error: std::io::Error,
    },
}

/// Works until it is told to end, by a coordinator, SIGTERM or SIGINT. Must be called within a tokio runtime.
pub async fn run(options: Options) -> Result<(), AgentError> {
    let system = |what| move |error| AgentError::System { what, error };
    let shutdown = Shutdown::new(options.grace);
    shutdown.watch_signals().map_err(system("watch for signals"))?;
    let mut over = shutdown.clone();
    tokio::select! {
        ended = start_and_work(options, shutdown) => ended,
        // Dropping the agent kills its runner; what it wrote to the base stays.
        () = over.over() => {
            tracing::warn!("the time to end in is over; what no coordinator took is dropped");
            Ok(())
        }
    }
}

async fn start_and_work(options: Options, shutdown: Shutdown) -> Result<(), AgentError> {
    let system = |what| move |error| AgentError::System { what, error };
    let credentials = Credentials::load(options.credentials.as_deref())?;
    if let Some(credentials) = &credentials {
        credentials.expect(Role::Worker)?;
    }
    let home = match options.base {
        Some(url) => {
            let checked = tokio::task::spawn_blocking(move || Home::check(&url)).await;
            let checked = checked
                .map_err(std::io::Error::from)
                .map_err(system("check the base"))?;
            Some(checked.map_err(AgentError::Base)?)
        }
        None => None,
    };
    let hardware = host::hardware(&options.program, options.threads)
        .await
        .map_err(system("find out the hardware class"))?;
    let host = options.host.unwrap_or_else(host::name);
    let name = options
        .name
        .unwrap_or_else(|| format!("{host}-{}", std::process::id()));
    let identity = RegisterRequest {
        protocol: PROTOCOL,
        name,
        host,
        hardware,
        threads: options.threads.into(),
        base: home
            .as_ref()
            .map(|home| home.url().to_string())
            .unwrap_or_default(),
    };
    let link = Link::new(
        &options.coordinators,
        credentials,
        identity,
        options.orphan_override,
    )?;
    let recipe = Recipe {
        program: options.program,
        threads: options.threads,
        cache: options.cache,
        cache_bytes_max: options.cache_bytes_max,
        cadence: options.cadence,
    };
    let agent = Agent {
        link: Arc::new(link),
        home,
        recipe,
        shutdown,
        questions: Sequence::default(),
        leftovers: Leftovers::default(),
        warm: None,
    };
    agent.work().await
}

struct Agent {
    link: Arc<Link>,
    home: Option<Home>,
    recipe: Recipe,
    shutdown: Shutdown,
    questions: Sequence,
    leftovers: Leftovers,
    warm: Option<Warm>,
}

/// A runner between two tasks of one build.
struct Warm {
    runner: Runner,
    build: String,
    base: String,
    idle_since: Instant,
}

impl Agent {
    async fn work(mut self) -> Result<(), AgentError> {
        while self.shutdown.wish().is_none() {
            if let Some(assignment) = self.lease().await? {
                self.serve(assignment).await?;
            }
        }
        cool(&mut self.warm).await;
        self.link.leave().await;
        self.leftovers.finish().await;
        Ok(())
    }

    /// Waits for work, and ends a runner that has none for too long.
    async fn lease(&mut self) -> Result<Option<Assignment>, LinkError> {
        let link = self.link.clone();
        // Counted anew whenever it is asked again: an answer that was lost belongs to an earlier number.
        let questions = &self.questions;
        let ask = link.call(LEASE_WAIT + CALL_LIMIT, |mut client, worker| {
            let request = LeaseRequest {
                worker,
                wait_ms: LEASE_WAIT.as_millis() as u64,
                sequence: questions.next(),
            };
            async move { client.lease(request).await }
        });
        tokio::pin!(ask);
        let mut shutdown = self.shutdown.clone();
        // The question is not asked anew when the runner is ended: an answer under way would be lost, and its lease idle.
        let reply = loop {
            let idle_end = self.warm.as_ref().map(|warm| warm.idle_since + IDLE_LIMIT);
            tokio::select! {
                reply = &mut ask => break reply?,
                _ = shutdown.asked() => return Ok(None),
                () = sleep_until(idle_end.unwrap_or_else(Instant::now)), if idle_end.is_some() => {
                    cool(&mut self.warm).await;
                }
            }
        };
        if reply.unknown_worker {
            self.link.forget_worker();
        }
        if reply.drain {
            self.shutdown.ask("the coordinator drains the worker");
        }
        Ok(reply.assignment)
    }

    async fn serve(&mut self, assignment: Assignment) -> Result<(), LinkError> {
        let (task, weights) = match read(&assignment) {
            Ok(read) => read,
            Err(what) => {
                let Assignment { task, token, .. } = assignment;
                let message = format!("the worker cannot read the task, is it of another version? {what}");
                let failure = Failure::application(message);
                return hand_over::fail(&self.link, &task, token, failure, Account::default()).await;
            }
        };
        let Assignment {
            token, base, build, ..
        } = assignment;
        let id = task.id();
        tracing::info!(task = id.0.short(), token, build, "starts: {task}");
        let job = Job {
            task: task.clone(),
            token,
            weights,
        };
        let (result, account) = match self.refusal(&base) {
            Some(failure) => (Err(failure), Account::default()),
            None => self.attempt(job, &build, &base).await?,
        };
        tracing::info!(task = id.0.short(), token, "{account}");
        let committed = hand_over::run(&self.link, &task, token, result, account).await?;
        if committed
            && matches!(
                task,
                Task::Train { .. } | Task::Supernet { .. } | Task::Embed { .. }
            )
        {
            self.leftovers.delete(base, id);
        }
        Ok(())
    }

    /// Why this worker hands a task back unseen.
    fn refusal(&self, base: &str) -> Option<Failure> {
        let ends = self.shutdown.wish();
        let ends = ends.map(|asked| Failure::new(FailureClass::Preempted, asked.reason));
        ends.or_else(|| self.home.as_ref()?.refuses(base))
    }

    async fn attempt(
        &mut self,
        job: Job,
        build: &str,
        base: &str,
    ) -> Result<(Result<Outcome, Failure>, Account), LinkError> {
        let mut reporter = Reporter::start(self.link.clone(), job.task.id(), job.token);
        let result = match self.runner_for(build, base).await {
            Ok(runner) => {
                let (result, runner) = attempt::run(runner, job, &mut reporter, &mut self.shutdown).await?;
                self.warm = runner.map(|runner| Warm {
                    runner,
                    build: build.to_string(),
                    base: base.to_string(),
                    idle_since: Instant::now(),
                });
                result
            }
            Err(error) => Err(Failure::new(
                FailureClass::WorkerLost,
                format!("cannot start a runner: {error}"),
            )),
        };
        let account = reporter.finish().await;
        Ok((result, account))
    }

    /// The warm runner if it fits, else a new one.
    async fn runner_for(&mut self, build: &str, base: &str) -> std::io::Result<Runner> {
        if let Some(mut warm) = self.warm.take() {
            if warm.build == build && warm.base == base && warm.runner.is_alive() {
                return Ok(warm.runner);
            }
            warm.runner.end().await;
        }
        Runner::spawn(&self.recipe, base)
    }
}

async fn cool(warm: &mut Option<Warm>) {
    if let Some(warm) = warm.take() {
        warm.runner.end().await;
    }
}

fn read(assignment: &Assignment) -> Result<(Task, Option<ObjectRef>), String> {
    let message = |status: Box<tonic::Status>| status.message().to_string();
    let task = from_wire("task_json", &assignment.task_json).map_err(message)?;
    let weights = match assignment.weights_json.as_str() {
        "" => None,
        json => Some(from_wire("weights_json", json).map_err(message)?),
    };
    Ok((task, weights))
}
