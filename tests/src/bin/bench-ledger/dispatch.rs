//! What handing out work costs: a thousand simulated workers and three coordinators, which are real processes.
//!
//! A simulated worker speaks all of the workers' protocol over a connection of its own: it registers, asks for work,
//! reports every two seconds while it is at it, and hands over a made-up result whose weights lie in the base. There
//! are always some ten thousand tasks that could be done, trainings from scratch of builds over the published space of
//! 256×256 images, so that no task waits for another.
//!
//! The coordinators' CPU time for a task is taken over ten thousand tasks to which the workers answer at once, the wait
//! for a lease at the load of a thousand GPUs with tasks of four seconds (real ones take minutes). Both are measured
//! when a thousand tasks are done and again after a hundred thousand: what a task costs must not depend on that.

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
use imgcalc_shared::dataset::Splits;
use imgcalc_shared::spec::Spec;
use imgcalc_tests::simulated;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use worker::Fleet;

const WORKERS: usize = 1000;
/// Trainings of one build.
const OF_BUILD: usize = 1000;
/// Tasks that could be done at any time, about.
const OPEN: usize = 10_000;
/// Tasks over which CPU time is measured.
const SPAN: usize = 10_000;
/// How long a task takes in the mean while the wait for a lease is measured.
const TASK: Duration = Duration::from_secs(4);
/// Over so many tasks.
const SPAN_BUSY: usize = 4_000;
/// Measured after so many tasks.
const AFTER: [usize; 2] = [1_000, 100_000];
/// The aim: CPU time of the leader for a task, ms.
const CPU_MS_MAX: f64 = 1.0;
/// Beyond this something hangs.
const SILENT_MAX: Duration = Duration::from_secs(60);

/// What tasks cost the coordinators over a span.
struct Cost {
    leader_ms: f64,
    followers_ms: f64,
    per_second: f64,
}

/// A group, its workers, and the builds they work for.
struct Bench {
    group: Group,
    fleet: Fleet,
    base: PathBuf,
    submitted: usize,
}

pub async fn run(root: &Path) -> anyhow::Result<Vec<Row>> {
    let group = Group::start(Kind::Ours, root, Timeouts::default_of(Kind::Ours)).await?;
    let base = group.folder().join("dispatch-base");
    let weights = Arc::new(simulated::weights(&base)?);
    let addresses: Vec<String> = (0..3).map(|index| group.address(index)).collect();
    let fleet = Fleet::start(&addresses, WORKERS, weights)?;
    let mut bench = Bench {
        group,
        fleet,
        base,
        submitted: 0,
    };
    let mut rows = Vec::new();
    let mut first = None;
    for after in AFTER {
        let (cost, mut latencies) = bench.measure(after).await?;
        let [median, p99] = [0.5, 0.99].map(|share| quantile(&mut latencies, share));
        let after = format!("1,000 workers, {after} tasks done");
        let what = format!("leader's CPU time for a task, {after}");
        rows.push(Row::less(&what, "ms", cost.leader_ms, "limit", CPU_MS_MAX));
        let (what_all, all) = (
            format!("the same of all three coordinators, {after}"),
            cost.leader_ms + cost.followers_ms,
        );
        rows.push(Row::less(what_all, "ms", all, "limit", CPU_MS_MAX));
        match first {
            None => first = Some((cost.leader_ms, median, p99)),
            Some((leader_ms, median_then, p99_then)) => {
                let then = format!("after {}", AFTER[0]);
                rows.push(Row::less(what, "ms", cost.leader_ms, &then, leader_ms));
                let what = |name| format!("question for work to lease, {name}, {after}");
                rows.push(Row::less(what("median"), "ms", median, &then, median_then));
                rows.push(Row::less(what("p99"), "ms", p99, &then, p99_then));
            }
        }
    }
    bench.fleet.stop();
    bench.group.stop();
    Ok(rows)
}

impl Bench {
    /// CPU time, and then waits for a lease in ms, when so many tasks are done.
    async fn measure(&mut self, after: usize) -> anyhow::Result<(Cost, Vec<f64>)> {
        self.fleet.task_takes(Duration::ZERO);
        self.until(after).await?;
        let leader = self.group.leader().await?;
        let (cpu, since, done) = (self.group.cpu_ms()?, Instant::now(), self.fleet.done());
        self.until(done + SPAN).await?;
        let (tasks, seconds) = ((self.fleet.done() - done) as f64, since.elapsed().as_secs_f64());
        let now = self.group.cpu_ms()?;
        anyhow::ensure!(
            self.group.leader().await? == leader,
            "the leader changed while it was measured"
        );
        let spent = |index: usize| (now[index] - cpu[index]) / tasks;
        let cost = Cost {
            leader_ms: spent(leader),
            followers_ms: (0..now.len()).filter(|index| *index != leader).map(spent).sum(),
            per_second: tasks / seconds,
        };
        eprintln!(
            "{done} tasks done: {:.0} a second, leader {:.2} ms CPU each, followers {:.2} ms",
            cost.per_second, cost.leader_ms, cost.followers_ms
        );
        self.fleet.task_takes(TASK);
        // Until the fleet is out of step again.
        self.until(self.fleet.done() + 2 * WORKERS).await?;
        self.fleet.forget_latencies();
        let (cpu, since) = (self.group.cpu_ms()?, Instant::now());
        self.until(self.fleet.done() + SPAN_BUSY).await?;
        let busy = self.group.cpu_ms()?[leader] - cpu[leader];
        eprintln!(
            "tasks of {} s: the leader needs {:.2} of a core",
            TASK.as_secs(),
            busy / since.elapsed().as_secs_f64() / 1e3
        );
        Ok((cost, self.fleet.latencies_ms()))
    }

    /// Waits until so many tasks are done, and submits builds as they are needed.
    async fn until(&mut self, tasks: usize) -> anyhow::Result<()> {
        let mut last = (self.fleet.done(), Instant::now());
        while self.fleet.done() < tasks {
            // Where nobody leads it is tried again.
            while self.submitted * OF_BUILD < self.fleet.done() + OPEN && self.submit().await.is_ok() {
                self.submitted += 1;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.fleet.failure()?;
            let done = self.fleet.done();
            if done > last.0 {
                last = (done, Instant::now());
            }
            anyhow::ensure!(last.1.elapsed() < SILENT_MAX, "no task ends any more");
        }
        Ok(())
    }

    async fn submit(&self) -> anyhow::Result<()> {
        let build = build(self.submitted, &self.base)?;
        let leader = self.group.leader().await?;
        let request = SubmitRequest {
            build_json: to_wire(&build),
            priority: 0,
        };
        let mut client = BuildsClient::connect(format!("http://{}", self.group.address(leader))).await?;
        client.submit(request).await?;
        Ok(())
    }
}

/// A build of a thousand trainings, none of which waits for another; no two builds share one.
fn build(number: usize, base: &Path) -> anyhow::Result<Build> {
    let text = format!(
        "name = \"dispatch-{number}\"\nbase = \"b\"\ndataset = \"d\"\n\
         [training]\nstrategy = \"scratch\"\nepochs = 10\nseed = {number}\n\
         [buckets]\ncount = 40\nsampled = 20\nformats_per_bucket = {}\nchoice = \"uniform\"\n",
        OF_BUILD / 20
    );
    let splits = Splits {
        train: 100_000,
        validation: 10_000,
        test: 0,
    };
    let surroundings = simulated::surroundings(base, 256, 1000, splits);
    let spec = Spec::parse(&text).context("the spec of the benchmark")?;
    Ok(spec.resolve(&surroundings)?)
}
