//! The agent: takes tasks from the coordinators, has the runner do them, hands the outcomes over.
//!
//! A missed message kills nothing: while no coordinator answers, the runner works on, and its result is kept until one
//! does. The agent never names the engine; its memory stays small and its life independent of what the runner does.

mod attempt;
mod backoff;
mod child;
mod hand_over;
mod host;
mod link;
mod reporter;
mod shutdown;

use crate::failure::Failure;
use crate::runner::protocol::Job;
use child::{Recipe, Runner};
use imgcalc_proto::security::{Credentials, CredentialsError, Role};
use imgcalc_proto::v1::{Assignment, LeaseRequest, RegisterRequest};
use imgcalc_proto::{PROTOCOL, from_wire};
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::task::{FailureClass, Task};
use link::{CALL_LIMIT, Link};
use reporter::Reporter;
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
/// Delay after an assignment this worker cannot read.
const UNREADABLE_DELAY: Duration = Duration::from_secs(5);

/// How an agent works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Addresses of the coordinators, host:port.
    pub coordinators: Vec<String>,
    /// Folder of credentials; without one only coordinators on this machine are spoken to.
    pub credentials: Option<PathBuf>,
    /// Name of the worker; host and process id if none is given.
    pub name: Option<String>,
    /// Threads a training may use.
    pub threads: u16,
    /// The program that has the `runner` and `hardware` verbs.
    pub program: PathBuf,
    /// Least time between two checkpoints of a training.
    pub checkpoint_every: Duration,
    /// Time to end in after SIGTERM.
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

/// Works until SIGTERM or SIGINT. Must be called within a tokio runtime.
pub async fn run(options: Options) -> Result<(), AgentError> {
    let system = |what| move |error| AgentError::System { what, error };
    let credentials = Credentials::load(options.credentials.as_deref())?;
    if let Some(credentials) = &credentials {
        credentials.expect(Role::Worker)?;
    }
    let shutdown = Shutdown::on_signals(options.grace).map_err(system("watch for signals"))?;
    let hardware = host::hardware(&options.program, options.threads)
        .await
        .map_err(system("find out the hardware class"))?;
    let host = host::name();
    let name = options
        .name
        .unwrap_or_else(|| format!("{host}-{}", std::process::id()));
    let identity = RegisterRequest {
        protocol: PROTOCOL,
        name,
        host,
        hardware,
        threads: options.threads.into(),
        base: String::new(),
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
        checkpoint_every: options.checkpoint_every,
    };
    let agent = Agent {
        link: Arc::new(link),
        recipe,
        shutdown,
        warm: None,
    };
    agent.work().await
}

struct Agent {
    link: Arc<Link>,
    recipe: Recipe,
    shutdown: Shutdown,
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
        while !self.shutdown.is_asked() {
            if let Some(assignment) = self.lease().await? {
                self.serve(assignment).await?;
            }
        }
        self.cool().await;
        Ok(())
    }

    /// Waits for work, and ends a runner that has none for too long.
    async fn lease(&mut self) -> Result<Option<Assignment>, LinkError> {
        let link = self.link.clone();
        let ask = link.call(LEASE_WAIT + CALL_LIMIT, |mut client, worker| async move {
            let wait_ms = LEASE_WAIT.as_millis() as u64;
            client.lease(LeaseRequest { worker, wait_ms }).await
        });
        tokio::pin!(ask);
        let mut shutdown = self.shutdown.clone();
        // The question is not asked anew when the runner is ended: an answer under way would be lost, and its lease idle.
        let reply = loop {
            let idle_end = self.warm.as_ref().map(|warm| warm.idle_since + IDLE_LIMIT);
            tokio::select! {
                reply = &mut ask => break reply?,
                () = shutdown.asked() => return Ok(None),
                () = sleep_until(idle_end.unwrap_or_else(Instant::now)), if idle_end.is_some() => {
                    self.cool().await;
                }
            }
        };
        if reply.unknown_worker {
            self.link.forget_worker();
        }
        Ok(reply.assignment)
    }

    async fn serve(&mut self, assignment: Assignment) -> Result<(), LinkError> {
        let (task, weights) = match read(&assignment) {
            Ok(read) => read,
            Err(what) => {
                // Without a task there is no id to fail under: its lease runs out.
                tracing::error!("cannot read an assignment, is this worker of another version? {what}");
                let mut shutdown = self.shutdown.clone();
                let _ = tokio::time::timeout(UNREADABLE_DELAY, shutdown.asked()).await;
                return Ok(());
            }
        };
        let Assignment {
            token, base, build, ..
        } = assignment;
        let id = task.id();
        tracing::info!(task = id.0.short(), token, build, "starts: {task}");
        let mut reporter = Reporter::start(self.link.clone(), id, token);
        let job = Job {
            task: task.clone(),
            token,
            weights,
        };
        let result = match self.runner_for(&build, &base).await {
            Ok(runner) => {
                let (result, runner) = attempt::run(runner, job, &mut reporter, &mut self.shutdown).await?;
                self.warm = runner.map(|runner| Warm {
                    runner,
                    build,
                    base,
                    idle_since: Instant::now(),
                });
                result
            }
            Err(error) => Err(Failure::new(
                FailureClass::WorkerLost,
                format!("cannot start a runner: {error}"),
            )),
        };
        reporter.finish().await;
        let mut shutdown = self.shutdown.clone();
        tokio::select! {
            handed = hand_over::run(&self.link, &task, token, result) => handed,
            () = shutdown.over() => {
                tracing::warn!(task = id.0.short(), "no coordinator takes the result in time; it is dropped");
                Ok(())
            }
        }
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

    async fn cool(&mut self) {
        if let Some(warm) = self.warm.take() {
            warm.runner.end().await;
        }
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
