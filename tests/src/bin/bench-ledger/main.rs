//! `make bench-ledger`: what the coordinators cost, each figure beside etcd's or a limit in the same run.
//!
//! - `commits`: commits of three coordinators beside those of three etcds on the same disk, fresh in each round, the
//!   two in turn. Many proposers wait for one commit each before they ask for the next: of a small entry (about 130
//!   bytes of ledger command) through the whole of gRPC, leader, log, followers and state.
//! - `kills`: leaders are killed, and the time until the next commit is taken.
//! - `dispatch`: a thousand simulated workers take tasks from three coordinators; see [`dispatch`].
//! - `redone`: workers are killed in the middle of a training, and what is trained twice is taken; see [`redone`].
//!
//! Without arguments all of them run.

mod dispatch;
mod etcd;
mod group;
mod load;
mod ours;
mod redone;
mod table;

use anyhow::Context;
use group::{Group, Kind, Timeouts};
use imgcalc_tests::sections::{self, Sections};
use load::{Load, quantile};
use std::path::Path;
use std::time::{Duration, Instant};
use table::Row;

const PROPOSERS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const SPAN: Duration = Duration::from_secs(4);
/// After a kill nobody waits longer than this.
const COMMIT_MAX: Duration = Duration::from_secs(60);
const SECTIONS: [&str; 4] = ["commits", "kills", "dispatch", "redone"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let sections = Sections::of_arguments(&SECTIONS)?;
    let root = sections::folder("ledger")?;

    let mut rows = Vec::new();
    if sections.include("commits") {
        rows.extend(commits(&root, number("ROUNDS", 5)?).await?);
    }
    if sections.include("kills") {
        rows.extend(kills(&root, number("KILLS", 10)?).await?);
    }
    if sections.include("dispatch") {
        rows.extend(dispatch::run(&root).await?);
    }
    if sections.include("redone") {
        rows.extend(redone::measure(number("KILLS", 10)?).await?);
    }
    table::print(&rows);
    std::fs::write("target/bench/ledger.json", serde_json::to_vec_pretty(&rows)?)?;
    Ok(())
}

async fn commits(root: &Path, rounds: u64) -> anyhow::Result<Vec<Row>> {
    let mut loads: [Vec<Load>; 2] = Default::default();
    for round in 1..=rounds {
        for (index, kind) in [Kind::Ours, Kind::Etcd].into_iter().enumerate() {
            let mut group = Group::start(kind, root, Timeouts::default_of(kind)).await?;
            let load = load::run(&group, PROPOSERS, WARM_UP, SPAN).await?;
            eprintln!("round {round}, {}: {load}", kind.name());
            loads[index].push(load);
            group.stop();
        }
    }
    let of = |index: usize, what: fn(&Load) -> f64| {
        let mut values: Vec<f64> = loads[index].iter().map(what).collect();
        quantile(&mut values, 0.5)
    };
    let pair = |what: fn(&Load) -> f64| (of(0, what), of(1, what));
    let (ours, etcd) = pair(|load| load.per_second);
    let mut rows = vec![Row::more(
        format!("commits with {PROPOSERS} proposers"),
        "1/s",
        ours,
        "etcd",
        etcd,
    )];
    let (ours, etcd) = pair(|load| load.p50_ms);
    rows.push(Row::less("commit, median", "ms", ours, "etcd", etcd));
    let (ours, etcd) = pair(|load| load.p99_ms);
    rows.push(Row::less("commit, p99", "ms", ours, "etcd", etcd));
    Ok(rows)
}

async fn kills(root: &Path, kills: u64) -> anyhow::Result<Vec<Row>> {
    let mut gaps: [Vec<f64>; 3] = Default::default();
    let arms = [
        (Kind::Ours, Timeouts::default_of(Kind::Ours)),
        (Kind::Ours, Timeouts::default_of(Kind::Etcd)),
        (Kind::Etcd, Timeouts::default_of(Kind::Etcd)),
    ];
    for (index, (kind, timeouts)) in arms.into_iter().enumerate() {
        let mut group = Group::start(kind, root, timeouts).await?;
        for kill in 1..=kills {
            let gap = gap(&mut group).await?;
            eprintln!("kill {kill}, {} at {timeouts}: {gap:.2} s", kind.name());
            gaps[index].push(gap);
        }
        group.stop();
    }
    let [default, equal, etcd] = &mut gaps;
    let mut rows = Vec::new();
    for (name, share) in [("median", 0.5), ("p99", 0.99)] {
        let peer = quantile(etcd, share);
        for (at, gaps) in [
            ("each at its defaults", &mut *default),
            ("both at etcd's timeouts", &mut *equal),
        ] {
            let what = format!("leader kill to next commit, {name} of {kills}, {at}");
            rows.push(Row::less(what, "s", quantile(gaps, share), "etcd", peer));
        }
    }
    Ok(rows)
}

/// Kills the leader and waits for the next commit, seconds; then starts it again.
async fn gap(group: &mut Group) -> anyhow::Result<f64> {
    group.commit_by(Instant::now() + COMMIT_MAX).await?;
    let leader = group.leader().await?;
    let since = Instant::now();
    group.kill(leader);
    group.commit_by(since + COMMIT_MAX).await?;
    let gap = since.elapsed().as_secs_f64();
    group.restart(leader)?;
    // What was started again catches up before the next kill.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(gap)
}

fn number(name: &str, default: u64) -> anyhow::Result<u64> {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{name}={text}: write a number")),
        Err(_) => Ok(default),
    }
}
