//! `make bench-ledger`: commits of the replicated ledger beside etcd's, in the same run on the same disk.
//!
//! Both are three real processes on loopback, fresh in each round, and the two alternate. Many proposers wait for one
//! commit each before they ask for the next: of a small entry (about 130 bytes of ledger command) through the whole of
//! gRPC, leader, log, followers and state. Then leaders are killed, and the time until the next commit is taken.

mod etcd;
mod group;
mod load;
mod ours;
mod redone;

use anyhow::Context;
use group::{Group, Kind, Timeouts};
use load::{Load, quantile};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const PROPOSERS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const SPAN: Duration = Duration::from_secs(4);
/// After a kill nobody waits longer than this.
const COMMIT_MAX: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let rounds = number("ROUNDS", 5)?;
    let kills = number("KILLS", 10)?;
    let root = PathBuf::from("target/bench/ledger");
    std::fs::create_dir_all(&root).context("cannot make target/bench/ledger")?;
    let root = std::fs::canonicalize(root)?;

    let mut loads: [Vec<Load>; 2] = Default::default();
    for round in 1..=rounds {
        for (index, kind) in [Kind::Ours, Kind::Etcd].into_iter().enumerate() {
            let mut group = Group::start(kind, &root, Timeouts::default_of(kind)).await?;
            let load = load::run(&group, PROPOSERS, WARM_UP, SPAN).await?;
            eprintln!("round {round}, {}: {load}", kind.name());
            loads[index].push(load);
            group.stop();
        }
    }
    let mut gaps: [Vec<f64>; 3] = Default::default();
    let arms = [
        (Kind::Ours, Timeouts::default_of(Kind::Ours)),
        (Kind::Ours, Timeouts::default_of(Kind::Etcd)),
        (Kind::Etcd, Timeouts::default_of(Kind::Etcd)),
    ];
    for (index, (kind, timeouts)) in arms.into_iter().enumerate() {
        let mut group = Group::start(kind, &root, timeouts).await?;
        for kill in 1..=kills {
            let gap = gap(&mut group).await?;
            eprintln!("kill {kill}, {} at {timeouts}: {gap:.2} s", kind.name());
            gaps[index].push(gap);
        }
        group.stop();
    }
    let mut redone = redone::measure(kills).await?;
    report(&mut loads, &mut gaps, rounds, kills, &mut redone)
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

fn report(
    loads: &mut [Vec<Load>; 2],
    gaps: &mut [Vec<f64>; 3],
    rounds: u64,
    kills: u64,
    redone: &mut redone::Redone,
) -> anyhow::Result<()> {
    let of = |loads: &[Load], what: fn(&Load) -> f64| {
        let mut values: Vec<f64> = loads.iter().map(what).collect();
        quantile(&mut values, 0.5)
    };
    let mut rows = Vec::new();
    println!(
        "median of {rounds} rounds of {} s, {PROPOSERS} proposers; {kills} kills",
        SPAN.as_secs()
    );
    println!("| | ours | etcd | ratio |");
    println!("|---|---:|---:|---:|");
    let mut row = |what: &str, unit: &str, ours: f64, peer: f64, more_is_better: bool| {
        let ratio = if more_is_better { ours / peer } else { peer / ours };
        println!("| {what}, {unit} | {ours:.2} | {peer:.2} | {ratio:.2} |");
        rows.push(json!({
            "what": what, "unit": unit, "ours": ours, "peer": peer, "peer_name": "etcd", "ratio": ratio,
        }));
    };
    let [ours, etcd] = loads;
    row(
        "commits",
        "1/s",
        of(ours, |l| l.per_second),
        of(etcd, |l| l.per_second),
        true,
    );
    row(
        "commit p50",
        "ms",
        of(ours, |l| l.p50_ms),
        of(etcd, |l| l.p50_ms),
        false,
    );
    row(
        "commit p99",
        "ms",
        of(ours, |l| l.p99_ms),
        of(etcd, |l| l.p99_ms),
        false,
    );
    let [default, equal, etcd] = gaps;
    let peer = (quantile(etcd, 0.5), quantile(etcd, 0.99));
    let middle = "leader kill to next commit, median";
    let worst = "leader kill to next commit, p99";
    row(
        &format!("{middle}, each at its defaults"),
        "s",
        quantile(default, 0.5),
        peer.0,
        false,
    );
    row(
        &format!("{worst}, each at its defaults"),
        "s",
        quantile(default, 0.99),
        peer.1,
        false,
    );
    row(
        &format!("{middle}, both at etcd's timeouts"),
        "s",
        quantile(equal, 0.5),
        peer.0,
        false,
    );
    row(
        &format!("{worst}, both at etcd's timeouts"),
        "s",
        quantile(equal, 0.99),
        peer.1,
        false,
    );
    rows.extend(redone.rows());
    std::fs::write("target/bench/ledger.json", serde_json::to_vec_pretty(&rows)?)?;
    Ok(())
}

fn number(name: &str, default: u64) -> anyhow::Result<u64> {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{name}={text}: write a number")),
        Err(_) => Ok(default),
    }
}
