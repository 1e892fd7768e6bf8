//! What handing out work costs: a thousand simulated workers and three coordinators, which are real processes.
//!
//! A simulated worker speaks all of the workers' protocol over a connection of its own: it registers, asks for work,
//! reports every two seconds while it is at it, and hands over a made-up result whose weights lie in the base. There
//! are always some ten thousand tasks that could be done, trainings from scratch of builds over the published space of
//! 256×256 images, so that no task waits for another. The load is what a thousand GPUs with tasks of four seconds
//! would make; real tasks take minutes. Then the workers answer at once until a hundred thousand tasks are done, and
//! the same is measured again: what a task costs must not depend on how many there were.

mod outcome;
mod worker;

use crate::group::{Group, Kind, Timeouts};
use crate::load::quantile;
use crate::table::Row;
use anyhow::Context;
use imgcalc_proto::to_wire;
use imgcalc_proto::v1::SubmitRequest;
use imgcalc_proto::v1::builds_client::BuildsClient;
use imgcalc_shared::build::Build;
use imgcalc_shared::dataset::{ObjectRef, Splits};
use imgcalc_shared::digest::Digest;
use imgcalc_shared::format::Size;
use imgcalc_shared::spec::{DatasetFacts, Spec, Surroundings};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use worker::Fleet;

const WORKERS: usize = 1000;
/// Trainings of one build.
const OF_BUILD: usize = 1000;
/// Tasks that could be done at any time, about.
const OPEN: usize = 10_000;
/// Tasks over which the cost is measured.
const SPAN: usize = 10_000;
/// How long a task takes in the mean while the cost is measured.
const TASK: Duration = Duration::from_secs(4);
/// Measured after so many tasks.
const AFTER: [usize; 2] = [1_000, 100_000];
/// The aim: CPU time of the leader for a task, ms.
const CPU_MS_MAX: f64 = 1.0;
/// Beyond this something hangs.
const SILENT_MAX: Duration = Duration::from_secs(60);

/// What one span came to.
struct Cost {
    leader_ms: f64,
    followers_ms: f64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

pub async fn run(root: &Path) -> anyhow::Result<Vec<Row>> {
    let mut group = Group::start(Kind::Ours, root, Timeouts::default_of(Kind::Ours)).await?;
    let base = group.folder().join("dispatch-base");
    std::fs::create_dir_all(&base)?;
    let weights = weights(&base)?;
    let addresses: Vec<String> = (0..3).map(|index| group.address(index)).collect();
    let fleet = Fleet::start(&addresses, WORKERS, weights)?;
    let mut submitted = 0;
    let mut costs = Vec::new();
    for after in AFTER {
        fleet.task_takes(Duration::ZERO);
        let (since, before) = (Instant::now(), fleet.done());
        until(&group, &fleet, &mut submitted, &base, after).await?;
        let rate = (fleet.done() - before) as f64 / since.elapsed().as_secs_f64();
        eprintln!("{} tasks done, at last {rate:.0} a second", fleet.done());
        fleet.task_takes(TASK);
        // Until the fleet is out of step again.
        let settled = fleet.done() + 2 * WORKERS;
        until(&group, &fleet, &mut submitted, &base, settled).await?;
        let cost = measure(&group, &fleet, &mut submitted, &base).await?;
        eprintln!(
            "after {after} tasks: {:.0} tasks/s, leader {:.3} ms CPU a task, followers {:.3} ms, \
             dispatch p50 {:.1} ms, p99 {:.1} ms",
            cost.per_second, cost.leader_ms, cost.followers_ms, cost.p50_ms, cost.p99_ms
        );
        costs.push(cost);
    }
    fleet.stop();
    group.stop();
    let [few, many] = &costs[..] else {
        anyhow::bail!("two spans were measured");
    };
    let limit = "limit";
    let row =
        |what: &str, value: f64, beside: &str, other: f64| Row::less(what, "ms", value, beside, other);
    Ok(vec![
        row(
            "leader's CPU time for a task, 1,000 workers, 1,000 tasks done",
            few.leader_ms,
            limit,
            CPU_MS_MAX,
        ),
        row("the same after 100,000 tasks", many.leader_ms, limit, CPU_MS_MAX),
        row(
            "the same after 100,000 tasks",
            many.leader_ms,
            "after 1,000",
            few.leader_ms,
        ),
        row(
            "question for work to lease, median, after 100,000 tasks",
            many.p50_ms,
            "after 1,000",
            few.p50_ms,
        ),
        row(
            "question for work to lease, p99, after 100,000 tasks",
            many.p99_ms,
            "after 1,000",
            few.p99_ms,
        ),
    ])
}

async fn measure(
    group: &Group,
    fleet: &Fleet,
    submitted: &mut usize,
    base: &Path,
) -> anyhow::Result<Cost> {
    fleet.forget_latencies();
    let leader = group.leader().await?;
    let (cpu, since, done) = (group.cpu_ms()?, Instant::now(), fleet.done());
    until(group, fleet, submitted, base, done + SPAN).await?;
    let (tasks, seconds) = ((fleet.done() - done) as f64, since.elapsed().as_secs_f64());
    let now = group.cpu_ms()?;
    anyhow::ensure!(
        group.leader().await? == leader,
        "the leader changed while it was measured"
    );
    let spent = |index: usize| (now[index] - cpu[index]) / tasks;
    let mut latencies = fleet.latencies_ms();
    Ok(Cost {
        leader_ms: spent(leader),
        followers_ms: (0..now.len())
            .filter(|index| *index != leader)
            .map(spent)
            .sum(),
        per_second: tasks / seconds,
        p50_ms: quantile(&mut latencies, 0.5),
        p99_ms: quantile(&mut latencies, 0.99),
    })
}

/// Waits until so many tasks are done, and submits builds as they are needed.
async fn until(
    group: &Group,
    fleet: &Fleet,
    submitted: &mut usize,
    base: &Path,
    tasks: usize,
) -> anyhow::Result<()> {
    let mut last = (fleet.done(), Instant::now());
    while fleet.done() < tasks {
        // Where nobody leads it is tried again.
        while *submitted * OF_BUILD < fleet.done() + OPEN && submit(group, *submitted, base).await.is_ok() {
            *submitted += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        fleet.failure()?;
        let done = fleet.done();
        if done > last.0 {
            last = (done, Instant::now());
        }
        anyhow::ensure!(last.1.elapsed() < SILENT_MAX, "no task ends any more");
    }
    Ok(())
}

async fn submit(group: &Group, number: usize, base: &Path) -> anyhow::Result<()> {
    let build = build(number, base)?;
    let leader = group.leader().await?;
    let request = SubmitRequest {
        build_json: to_wire(&build),
        priority: 0,
    };
    let mut client = BuildsClient::connect(format!("http://{}", group.address(leader))).await?;
    client.submit(request).await?;
    Ok(())
}

/// A build of a thousand trainings, none of which waits for another; no two builds share one.
fn build(number: usize, base: &Path) -> anyhow::Result<Build> {
    let text = format!(
        "name = \"dispatch-{number}\"\nbase = \"b\"\ndataset = \"d\"\n\
         [training]\nstrategy = \"scratch\"\nepochs = 10\nseed = {number}\n\
         [buckets]\ncount = 40\nsampled = 20\nformats_per_bucket = {}\nchoice = \"uniform\"\n",
        OF_BUILD / 20
    );
    let side = 256;
    let dataset = DatasetFacts {
        digest: Digest::of(b"dispatch"),
        size: Size {
            height: side,
            width: side,
        },
        channels: 3,
        classes: 1000,
        splits: Splits {
            train: 100_000,
            validation: 10_000,
            test: 0,
        },
        has_jpeg_files: false,
    };
    let surroundings = Surroundings {
        base: format!("file://{}", base.display()),
        dataset,
        hardware: worker::HARDWARE.into(),
    };
    let spec = Spec::parse(&text).context("the spec of the benchmark")?;
    Ok(spec.resolve(&surroundings)?)
}

/// Weights that every result may name.
fn weights(base: &Path) -> anyhow::Result<Arc<ObjectRef>> {
    let content = [7; 1024];
    let digest = Digest::of(&content);
    let key = format!("weights-{digest}");
    std::fs::write(base.join(&key), content)?;
    Ok(Arc::new(ObjectRef {
        key,
        bytes: content.len() as u64,
        digest,
    }))
}
