//! Section `idle`: how long workers stand still while a search over hyper-parameters goes on.
//!
//! A real coordinator, at its default settings, has a build that searches by ASHA; simulated workers speak all of the
//! protocol and train nothing. A stretch takes a made-up time, log-normal around [`MEDIAN`] for an epoch, drawn anew for
//! every trial, so that no two are done together. The stages before the search are answered at once.
//!
//! What a worker does at any moment is one of: it trains, it stands still (from the end of a stretch, whose result it has
//! yet to hand over, to the next lease), or, where workers are killed, there is none. Each is given as a share of all
//! workers' time, from the first trial on; where workers are killed from the second minute on, when as many slots are
//! held by the dead as there will ever be. The search has more budget than can be used up meanwhile.
//!
//! Beside it stands what synchronous successive halving would have workers do in trials of the same times: there a rung
//! begins when the one before is complete.

mod barriers;
mod coordinator;
mod fleet;
mod made_up;
mod spent;

use crate::table::Table;
use anyhow::Context;
use fleet::Kill;
use spent::{Spent, Time};
use std::path::Path;
use std::time::Duration;

/// At work at any time.
const WORKERS: usize = 8;
/// Of an epoch.
const MEDIAN: Duration = Duration::from_secs(2);
/// Over which shares are taken.
const SPAN: Duration = Duration::from_secs(180);
/// The aim, per cent of workers' time.
const IDLE_MAX: f64 = 3.0;

/// Ways to search.
struct Arm {
    name: &'static str,
    /// None: as many as there are workers.
    parallel: Option<u16>,
    kill: Option<Kill>,
}

const ARMS: [Arm; 7] = [
    Arm {
        name: "ours, ASHA, slots follow the workers",
        parallel: None,
        kill: None,
    },
    Arm {
        name: "ours, ASHA, parallel = 8",
        parallel: Some(8),
        kill: None,
    },
    Arm {
        name: "ours, ASHA, parallel = 10",
        parallel: Some(10),
        kill: None,
    },
    Arm {
        name: "a worker killed every minute, slots follow the workers",
        parallel: None,
        kill: Some(Kill { same_name: false }),
    },
    Arm {
        name: "a worker killed every minute, parallel = 8",
        parallel: Some(8),
        kill: Some(Kill { same_name: false }),
    },
    Arm {
        name: "a worker killed every minute, parallel = 10",
        parallel: Some(10),
        kill: Some(Kill { same_name: false }),
    },
    Arm {
        name: "the same, each started again under its name, parallel = 8",
        parallel: Some(8),
        kill: Some(Kill { same_name: true }),
    },
];

/// Runs all of them side by side: they sleep most of the time.
pub fn run(root: &Path) -> anyhow::Result<Table> {
    let title = format!(
        "Time of {WORKERS} workers in per cent over {} s of a search, epochs of {} s in the median; aim: at most \
         {IDLE_MAX} % idle",
        SPAN.as_secs(),
        MEDIAN.as_secs()
    );
    let columns = [
        "search",
        "idle",
        "trains",
        "trains, undone by a kill",
        "no worker",
        "from result to lease, median",
        "p99",
        "stretches",
    ];
    let mut table = Table::new(title, &columns);
    let measured = std::thread::scope(|scope| {
        let begun = ARMS.map(|arm| {
            let measured = scope.spawn(move || {
                let measured = fleet::measure(root, arm.parallel, arm.kill);
                eprintln!("idle: {} is done", arm.name);
                measured
            });
            (arm.name, measured)
        });
        begun.map(|(name, measured)| (name, measured.join()))
    });
    for (name, measured) in measured {
        let measured = measured.map_err(|_| anyhow::anyhow!("it panicked"));
        let spent = measured
            .and_then(|spent| spent)
            .with_context(|| format!("the search \"{name}\""))?;
        table.row(row(name, spent));
    }
    for (name, idle) in barriers::of(WORKERS) {
        let mut cells = vec![
            name,
            format!("{:.1}", 100.0 * idle),
            format!("{:.1}", 100.0 - 100.0 * idle),
        ];
        cells.resize(columns.len(), "-".into());
        table.row(cells);
    }
    Ok(table)
}

fn row(name: &str, spent: Spent) -> Vec<String> {
    let share = |time: Time| format!("{:.1}", 100.0 * spent.share(time));
    let [median, p99] = [0.5, 0.99].map(|share| format!("{:.0} ms", spent.gap_ms(share)));
    vec![
        name.into(),
        share(Time::Idle),
        share(Time::Trains),
        share(Time::Lost),
        share(Time::Absent),
        median,
        p99,
        spent.stretches().to_string(),
    ]
}
