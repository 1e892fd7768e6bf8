//! What is thrown at a group, and what must come of it.

pub mod round;

use imgcalc_tests::answers::Outcome;
use imgcalc_tests::dice::Dice;
use imgcalc_tests::logs::Expected;
use imgcalc_tests::profile;
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::{LONG_EPOCHS, LONG_EPOCHS_TRANSFER, Spec};
use std::collections::BTreeSet;

/// Images of the dataset.
pub const IMAGES: u32 = 1000;
/// Of five links and two trainings from scratch.
pub const EPOCHS_ALL: u64 = (2 * LONG_EPOCHS + 5 * LONG_EPOCHS_TRANSFER) as u64;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The leader is killed.
    KillLeader,
    /// A coordinator that does not lead is killed.
    KillFollower,
    /// Two of three are killed: nobody decides for a while.
    KillMajority,
    /// The leader stands still for longer than an election.
    FreezeLeader,
    /// Nobody reaches the leader.
    PartLeader,
    /// Nobody reaches a coordinator that does not lead.
    PartFollower,
    /// The leader and another coordinator do not reach each other; everybody else reaches both.
    PartPair,
    /// A coordinator cannot write.
    FillDisk,
    /// A worker is killed.
    KillWorker,
    /// A runner is killed; its worker lives on.
    KillRunner,
    /// A worker and its runner stand still for longer than a lease and its grace.
    FreezeWorker,
    /// A worker reaches no coordinator for longer than a lease and its grace.
    PartWorker,
    /// The object store answers 500 and 503.
    StoreFails,
    /// The object store says nothing.
    StoreHangs,
}

/// Faults of coordinators first, each of which needs the other ones whole; those of the others go with any.
const OF_COORDINATORS: [Fault; 8] = [
    Fault::KillLeader,
    Fault::KillFollower,
    Fault::KillMajority,
    Fault::FreezeLeader,
    Fault::PartLeader,
    Fault::PartFollower,
    Fault::PartPair,
    Fault::FillDisk,
];
const OF_OTHERS: [Fault; 6] = [
    Fault::KillWorker,
    Fault::KillRunner,
    Fault::FreezeWorker,
    Fault::PartWorker,
    Fault::StoreFails,
    Fault::StoreHangs,
];

/// Strikes that have every fault once: one of a coordinator, and mostly another of somebody else at the same time.
pub fn deck(dice: &mut Dice) -> Vec<Vec<Fault>> {
    let (mut first, mut second) = (OF_COORDINATORS, OF_OTHERS);
    dice.shuffle(&mut first);
    dice.shuffle(&mut second);
    let mut strikes: Vec<Vec<Fault>> = first.into_iter().map(|fault| vec![fault]).collect();
    for (strike, fault) in strikes.iter_mut().zip(second) {
        strike.push(fault);
    }
    dice.shuffle(&mut strikes);
    strikes
}

/// A line that some faults bring about.
struct Alarm {
    line: Expected,
    /// Any of these.
    by: &'static [Fault],
}

/// Every warning and error that may be said, and which faults it takes.
const ALARMS: [Alarm; 7] = [
    Alarm {
        line: Expected {
            text: "fails: pre-empted: the task is no longer leased to this attempt",
            why: "a worker that was not heard for too long finds its task in other hands",
        },
        by: &[
            Fault::FreezeWorker,
            Fault::PartWorker,
            Fault::PartLeader,
            Fault::PartPair,
            Fault::FreezeLeader,
        ],
    },
    Alarm {
        line: Expected {
            text: "breaks the line off; if it is a coordinator with certificates",
            why: "a new worker cannot tell a coordinator that dies or is cut off from one that wants certificates",
        },
        by: &[Fault::KillWorker],
    },
    Alarm {
        line: Expected {
            text: "the runner is gone",
            why: "it was killed",
        },
        by: &[Fault::KillRunner],
    },
    Alarm {
        line: Expected {
            text: "fails: worker lost: the runner",
            why: "its attempt ends with it, and is counted to nobody's fault",
        },
        by: &[Fault::KillRunner],
    },
    Alarm {
        line: Expected {
            text: "No space left on device",
            why: "a coordinator whose disk is full says so, of its log lines and when it has to stop",
        },
        by: &[Fault::FillDisk],
    },
    Alarm {
        line: Expected {
            text: "error: no room is left",
            why: "a coordinator that finds no room for its ledger does not start",
        },
        by: &[Fault::FillDisk],
    },
    Alarm {
        line: Expected {
            text: "fails: storage",
            why: "a store that does not answer is given up after a while",
        },
        by: &[Fault::StoreFails, Fault::StoreHangs],
    },
];

/// The warnings and errors that these faults may bring about.
pub fn expected(strikes: &[Vec<Fault>]) -> Vec<Expected> {
    let thrown: Vec<Fault> = strikes.concat();
    let may = |alarm: &&Alarm| alarm.by.iter().any(|fault| thrown.contains(fault));
    ALARMS.iter().filter(may).map(|alarm| alarm.line).collect()
}

/// What an undisturbed build on one machine came to with the profile in `profile`.
pub struct Calm {
    /// Its outcome.
    pub outcome: Outcome,
}

impl Calm {
    /// Runs it.
    pub fn of(sandbox: &Sandbox) -> Calm {
        sandbox.import_fashion("base", IMAGES);
        profile::made_up(sandbox, &Spec::long(), "profile");
        let spec = sandbox.spec("calm.toml", &Spec::long());
        sandbox.built("calm", &spec, &["--profile", "profile"]);
        Calm {
            outcome: Outcome::of(sandbox, "calm"),
        }
    }
}

/// How far the trainings of a base are, told by the checkpoints that are put into the store.
#[derive(Default)]
pub struct Epochs(BTreeSet<(String, String)>);

impl Epochs {
    /// Takes note of first lines of requests; epochs done of all trainings together.
    pub fn done(&mut self, requests: Vec<String>) -> u64 {
        for line in requests.iter().filter(|line| line.starts_with("PUT ")) {
            let key = line.split_once("/tasks/").map(|(_, key)| key);
            if let Some((task, rest)) = key.and_then(|key| key.split_once('/'))
                && let Some((_, name)) = rest.split_once("/checkpoint-")
            {
                // Between two epochs only: `5.safetensors`, not `5-17.safetensors`.
                let epoch = name.split_once('.').map_or(name, |(epoch, _)| epoch);
                if epoch.parse::<u64>().is_ok() {
                    self.0.insert((task.into(), epoch.into()));
                }
            }
        }
        self.0.len() as u64
    }
}
