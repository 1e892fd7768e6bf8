//! Workers at a search, what they do with their time, and how they are killed.

use super::coordinator::Coordinator;
use super::spent::{Book, Spent};
use super::{SPAN, WORKERS, made_up};
use anyhow::{Context, ensure};
use imgcalc_proto::v1::SubmitRequest;
use imgcalc_proto::v1::builds_client::BuildsClient;
use imgcalc_proto::{from_wire, to_wire};
use imgcalc_shared::build::Build;
use imgcalc_shared::dataset::{ObjectRef, Splits};
use imgcalc_shared::spec::Spec;
use imgcalc_shared::task::Task;
use imgcalc_tests::simulated::{self, Simulated};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

/// Between two kills; the first is half as long after the first trial.
const KILL_EVERY: Duration = Duration::from_secs(60);
/// Until another worker is there.
const REPLACED_AFTER: Duration = Duration::from_secs(5);
/// Where workers are killed, shares are taken from then on.
const SETTLED: Duration = Duration::from_secs(120);
const START_MAX: Duration = Duration::from_secs(120);

const SPEC: &str = "name = \"idle\"\nbase = \"b\"\ndataset = \"d\"\n\
    [space]\nsamplings = [\"1x1\"]\nblocks = [8]\nkeeps = { list = [4] }\nquants = [20]\n\
    [buckets]\ncount = 1\nsampled = 1\nformats_per_bucket = 1\n\
    [training]\npreset = \"small-images\"\nepochs = 9\n\
    [search.hyper]\nformat = \"1x1-b8-k4-q20\"\nalgorithm = { name = \"asha\", eta = 3 }\n\
    epochs = { min = 1, max = 9 }\nbudget = { trainings = 5000 }\n\
    [search.hyper.parameters]\nlearning_rate = { log = [1e-4, 1.0] }\nmomentum = { linear = [0.5, 0.98] }\n";

/// Workers are killed, and others come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    /// Whether a new one has the name of the one that was killed, as one that is started again on its machine.
    pub(super) same_name: bool,
}

type Shared = Arc<Mutex<Book>>;

/// Runs a coordinator and its workers for the span.
pub(super) fn measure(root: &Path, parallel: Option<u16>, kill: Option<Kill>) -> anyhow::Result<Spent> {
    let folder = tempfile::TempDir::new_in(root)?;
    let object = simulated::weights(folder.path())?;
    let build = build(folder.path(), parallel)?;
    let coordinator = Coordinator::start(folder.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(at_work(&coordinator.address, build, object, kill))
}

fn build(base: &Path, parallel: Option<u16>) -> anyhow::Result<Build> {
    let parallel = parallel.map_or(String::new(), |parallel| format!("parallel = {parallel}\n"));
    let text = SPEC.replace("[search.hyper]\n", &format!("[search.hyper]\n{parallel}"));
    let splits = Splits {
        train: 10_000,
        validation: 1_000,
        test: 0,
    };
    let spec = Spec::parse(&text).context("the spec of the benchmark")?;
    Ok(spec.resolve(&simulated::surroundings(base, 32, 10, splits))?)
}

async fn at_work(
    address: &str,
    build: Build,
    object: ObjectRef,
    kill: Option<Kill>,
) -> anyhow::Result<Spent> {
    submit(address, &build).await?;
    let (book, object, address) = (Shared::default(), Arc::new(object), vec![address.to_string()]);
    let mut workers = JoinSet::new();
    let mut handles: Vec<(usize, AbortHandle)> = Vec::new();
    let begin = |workers: &mut JoinSet<_>, name: usize| {
        let worker = Simulated::new(&address, name)?;
        let handle = workers.spawn(work(worker, name, book.clone(), object.clone()));
        anyhow::Ok((name, handle))
    };
    for name in 0..WORKERS {
        handles.push(begin(&mut workers, name)?);
    }
    let asked = Instant::now();
    let first = loop {
        if let Some(first) = lock(&book).first() {
            break first;
        }
        ensure!(asked.elapsed() < START_MAX, "no trial begins");
        failed(&mut workers)?;
        sleep(Duration::from_millis(50)).await;
    };
    let from = first + kill.map_or(Duration::ZERO, |_| SETTLED);
    let to = from + SPAN;
    let mut next_kill = first + KILL_EVERY / 2;
    let mut next_name = WORKERS;
    while Instant::now() < to {
        failed(&mut workers)?;
        sleep(Duration::from_millis(100)).await;
        let (Some(kill), true) = (kill, Instant::now() >= next_kill) else {
            continue;
        };
        next_kill += KILL_EVERY;
        // In turn, so that none is killed twice in a row.
        let (name, handle) = handles.remove(0);
        handle.abort();
        let died = Instant::now();
        lock(&book).dies(name, died);
        sleep(REPLACED_AFTER).await;
        let name = if kill.same_name { name } else { next_name };
        next_name += 1;
        handles.push(begin(&mut workers, name)?);
        lock(&book).comes(died, Instant::now());
    }
    workers.abort_all();
    let book = std::mem::take(&mut *lock(&book));
    Ok(book.close(from, to))
}

/// Submits a build as soon as somebody leads.
async fn submit(address: &str, build: &Build) -> anyhow::Result<()> {
    let asked = Instant::now();
    loop {
        let submitted = async {
            let mut client = BuildsClient::connect(format!("http://{address}")).await?;
            let request = SubmitRequest {
                build_json: to_wire(build),
                priority: 0,
            };
            anyhow::Ok(client.submit(request).await?)
        };
        match submitted.await {
            Ok(_) => return Ok(()),
            Err(error) if asked.elapsed() > START_MAX => return Err(error),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// An error of a worker that ended, if one did: they never end by themselves.
fn failed(workers: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = workers.try_join_next() {
        match ended {
            Ok(ended) => ended.context("a simulated worker")?,
            Err(error) => ensure!(error.is_cancelled(), "a simulated worker: {error}"),
        }
    }
    Ok(())
}

async fn work(
    mut worker: Simulated,
    name: usize,
    book: Shared,
    object: Arc<ObjectRef>,
) -> anyhow::Result<()> {
    worker.register().await?;
    loop {
        let Some(assignment) = worker.lease().await? else {
            continue;
        };
        let task: Task = from_wire("task_json", &assignment.task_json)?;
        if let Some((_, takes)) = made_up::takes(&task) {
            let stretch = lock(&book).begins(name, Instant::now());
            worker.reports(&assignment, takes).await?;
            lock(&book).ends(stretch, Instant::now());
        }
        worker
            .complete(assignment, &made_up::outcome(&task, &object))
            .await?;
    }
}

fn lock(book: &Shared) -> std::sync::MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
