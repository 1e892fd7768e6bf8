//! One round: a fresh group, one build, some strikes, and what must be true at the end.

use super::{Calm, EPOCHS_ALL, Epochs, Fault, IMAGES, expected};
use imgcalc_tests::answers::{Attempts, Outcome, assert_never_repeated, attempts_in, tokens};
use imgcalc_tests::dice::{Dice, SEED_VARIABLE};
use imgcalc_tests::disk::SmallDisk;
use imgcalc_tests::group::{Group, coordinator};
use imgcalc_tests::line::{Line, Trouble};
use imgcalc_tests::logs::unexpected;
use imgcalc_tests::processes::{self, within};
use imgcalc_tests::programs::{PATIENCE, Running};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use imgcalc_tests::store::{self, FaultProxy, Plan, S3Server};
use rustix::process::Signal;
use std::time::Duration;

const COORDINATORS: u64 = 3;
const WORKERS: [&str; 4] = ["w1", "w2", "w3", "w4"];
/// Whose disk is small.
const ON_SMALL_DISK: u64 = 3;
const DISK_BYTES: u64 = 16 << 20;
const STORE: &str = "store";

/// Short, so that it can be outlasted; long enough that nobody who is merely slow loses it.
const SERVE: [&str; 4] = ["--lease-seconds", "6", "--grace-seconds", "4"];
/// Lease and grace together.
const LEASE: Duration = Duration::from_secs(10);
/// What each request to the store takes at least. An epoch makes two, so that a build is not over while a strike lasts,
/// however fast the machine is.
const STORE_DELAY: Duration = Duration::from_millis(80);

const FASHION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.deps/fashion-mnist");

/// See the module's description.
pub struct Round<'a> {
    group: Group<'a>,
    calm: &'a Calm,
    dice: Dice,
    seed: u64,
    proxy: FaultProxy,
    /// The programs reach the store by it, so that it may hang.
    _store: Line,
    /// Behind the coordinators: unmounted after they are gone.
    disk: SmallDisk,
    epochs: Epochs,
    /// What was told of tasks between the strikes.
    seen: Vec<Attempts>,
    /// The last priority that was acknowledged.
    priority: i64,
    spec: String,
}

/// What ends a fault.
#[derive(Debug)]
enum Cure {
    StartCoordinator(u64),
    StartWorker(&'static str),
    Thaw(Vec<i32>),
    Heal(String),
    MakeRoom,
    CalmStore,
}

impl<'a> Round<'a> {
    /// A fresh group that is well, and fresh data.
    pub fn new(
        sandbox: &'a Sandbox,
        server: &S3Server,
        calm: &'a Calm,
        number: u64,
        dice: Dice,
    ) -> Round<'a> {
        for id in 1..=COORDINATORS {
            // Of the round before, whose disk is unmounted.
            let _ = std::fs::remove_dir_all(sandbox.path(&coordinator(id)));
        }
        let disk = SmallDisk::mount(&sandbox.path(&coordinator(ON_SMALL_DISK)), DISK_BYTES);
        let proxy = FaultProxy::start(&server.address());
        let mut group = Group::new(sandbox, COORDINATORS, &SERVE);
        let line = group.lines.to(STORE);
        line.leads_to(Some(proxy.address()));
        line.delays(STORE_DELAY);
        group.set_env(store::env(line.address()));
        let url = server.url(&format!("round-{number}"));
        let limit = IMAGES.to_string();
        let import = [
            "data", "import", FASHION, "--base", &url, "--name", "fashion", "--size", "32",
        ];
        group.tool(&[&import[..], &["--limit", &limit]].concat()).ok();
        let spec = sandbox.spec(&format!("round-{number}.toml"), &Spec::long().with("base", url));
        group.start();
        WORKERS.iter().for_each(|name| group.start_worker(name, &[]));
        Round {
            group,
            calm,
            seed: dice.seed,
            dice,
            proxy,
            _store: line,
            disk,
            epochs: Epochs::default(),
            seen: Vec::new(),
            priority: 0,
            spec,
        }
    }

    /// Throws the strikes at a build and looks what comes of it.
    pub fn run(mut self, strikes: &[Vec<Fault>]) {
        let spec = self.spec.clone();
        let hardware = self.wait_for_workers();
        let submit = ["submit", &spec, "--profile", "profile", "--hardware", &hardware];
        self.group.ask(&submit).ok();
        let mut watch = self
            .group
            .asking(&["submit", &spec, "--hardware", &hardware, "--wait", "--json"]);
        for (number, strike) in (0..).zip(strikes) {
            // While one strike lasts, the build comes nearer to the next and must not come to its end.
            let share = (f64::from(number) + 0.2 + 0.7 * self.dice.share()) / (strikes.len() as f64 + 2.0);
            self.wait_for_epochs((share * EPOCHS_ALL as f64) as u64, &mut watch);
            std::thread::sleep(Duration::from_millis(self.dice.below(60)));
            self.strike(strike);
            self.look();
        }
        let replay = self.replay();
        watch.finish(PATIENCE).ok();
        let outcome = Outcome::said(|arguments| self.group.ask(arguments));
        assert_eq!(
            outcome.chain, self.calm.outcome.chain,
            "the same trainings{replay}"
        );
        assert_eq!(
            outcome.formats, self.calm.outcome.formats,
            "the same answers{replay}"
        );
        self.look();
        let last = self.seen.pop().expect("just looked");
        assert_in_order(&last, &replay);
        self.group.end();
        let found = unexpected(&self.group.logs(), &expected(strikes));
        assert!(
            found.is_empty(),
            "nobody expects this{replay}:\n{}",
            found.join("\n")
        );
    }

    fn replay(&self) -> String {
        format!("; replay with {SEED_VARIABLE}={}", self.seed)
    }

    /// Waits for all workers; the one class of hardware they have.
    fn wait_for_workers(&self) -> String {
        let mut class = String::new();
        let there = within(PATIENCE, || {
            let list = self.group.ask(&["workers", "list", "--json"]).json();
            let all = list.as_array().map(Vec::len);
            class = list[0]["hardware"].as_str().unwrap_or_default().to_string();
            all == Some(WORKERS.len())
        });
        assert!(there, "all workers register");
        class
    }

    fn wait_for_epochs(&mut self, moment: u64, watch: &mut Running) {
        let (proxy, epochs) = (&self.proxy, &mut self.epochs);
        let there = within(PATIENCE, || {
            epochs.done(proxy.take_seen()) >= moment || watch.is_over()
        });
        let replay = self.replay();
        assert!(
            there && !watch.is_over(),
            "the build is over before it is struck, or stands still{replay}\n{}\n{}",
            watch.stderr(),
            self.told()
        );
    }

    /// The end of everybody's log, for a failure.
    fn told(&self) -> String {
        let ends = self.group.logs().into_iter().map(|(party, log)| {
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(12)..];
            format!("--- {party}\n{}\n", last.join("\n"))
        });
        ends.collect()
    }

    /// Throws all faults of a strike at once, has somebody ask for something meanwhile, and mends everything.
    fn strike(&mut self, faults: &[Fault]) {
        let leader = self.group.leader();
        eprintln!(
            "{faults:?} after {} of {EPOCHS_ALL} epochs; {leader} leads",
            self.epochs.done(Vec::new())
        );
        let mut cures: Vec<(Duration, Cure)> = Vec::new();
        for fault in faults {
            cures.extend(self.throw(*fault, leader));
        }
        self.priority += 1;
        let priority = self.priority.to_string();
        let asked = self.group.asking(&["priority", "tiny", &priority]);
        cures.sort_by_key(|(after, _)| *after);
        let mut slept = Duration::ZERO;
        for (after, cure) in cures {
            std::thread::sleep(after.saturating_sub(slept));
            slept = after;
            self.mend(cure);
        }
        asked.finish(PATIENCE).ok();
    }

    fn throw(&mut self, fault: Fault, leader: u64) -> Vec<(Duration, Cure)> {
        let mut others: Vec<u64> = (1..=COORDINATORS).filter(|id| *id != leader).collect();
        self.dice.shuffle(&mut others);
        let follower = others[0];
        let worker = WORKERS[self.dice.below(WORKERS.len() as u64) as usize];
        let after = Duration::from_millis(500 + self.dice.below(4000));
        let beyond_lease = LEASE + Duration::from_millis(500 + self.dice.below(2000));
        let trouble = match self.dice.below(2) {
            0 => Trouble::Silence,
            _ => Trouble::Reset,
        };
        let cure = match fault {
            Fault::KillLeader | Fault::KillFollower => {
                let victim = if fault == Fault::KillLeader {
                    leader
                } else {
                    follower
                };
                self.group.kill_coordinator(victim);
                Cure::StartCoordinator(victim)
            }
            Fault::KillMajority => {
                self.group.kill_coordinator(follower);
                self.group.kill_coordinator(leader);
                let later = after + Duration::from_millis(self.dice.below(2000));
                return vec![
                    (after, Cure::StartCoordinator(leader)),
                    (later, Cure::StartCoordinator(follower)),
                ];
            }
            Fault::FreezeLeader => {
                let pids = vec![self.group.coordinator(leader).pid()];
                processes::signal(&pids, Signal::STOP);
                Cure::Thaw(pids)
            }
            Fault::PartLeader | Fault::PartFollower => {
                let victim = coordinator(if fault == Fault::PartLeader {
                    leader
                } else {
                    follower
                });
                self.group.lines.trouble(&victim, None, trouble);
                Cure::Heal(victim)
            }
            Fault::PartPair => {
                let (one, two) = (coordinator(leader), coordinator(follower));
                self.group.lines.trouble(&one, Some(&two), trouble);
                Cure::Heal(one)
            }
            Fault::FillDisk => {
                self.fill_disk();
                Cure::MakeRoom
            }
            Fault::KillWorker => {
                self.group.end_worker(worker, Signal::KILL);
                Cure::StartWorker(worker)
            }
            Fault::KillRunner => {
                let runners = self.group.runners();
                if !runners.is_empty() {
                    processes::kill(runners[self.dice.below(runners.len() as u64) as usize]);
                }
                return Vec::new();
            }
            Fault::FreezeWorker => {
                let pids = self.group.worker_with_runner(worker);
                processes::signal(&pids, Signal::STOP);
                return vec![(beyond_lease, Cure::Thaw(pids))];
            }
            Fault::PartWorker => {
                self.group.lines.trouble(worker, None, trouble);
                return vec![(beyond_lease, Cure::Heal(worker.into()))];
            }
            Fault::StoreFails => {
                let faults = vec![store::Fault::Status(500), store::Fault::Overloaded];
                let seed = self.dice.throw();
                self.proxy.set(Plan::Share {
                    percent: 100,
                    seed,
                    faults,
                });
                Cure::CalmStore
            }
            Fault::StoreHangs => {
                self.group.lines.trouble(STORE, None, Trouble::Silence);
                Cure::Heal(STORE.into())
            }
        };
        vec![(after, cure)]
    }

    /// Fills a disk. The coordinator on it goes on while its ledger has room, which is allocated beforehand; started
    /// again it may find too little, and then it must say so.
    fn fill_disk(&mut self) {
        self.disk.leave_room(0);
        self.priority += 1;
        let priority = self.priority.to_string();
        self.group.ask(&["priority", "tiny", &priority]).ok();
        self.group.kill_coordinator(ON_SMALL_DISK);
        if let Err(said) = self.group.try_coordinator(ON_SMALL_DISK) {
            let refusal = said.refused();
            let told = ["No space left", "no room is left", "is full", "disk full"];
            assert!(told.iter().any(|words| refusal.contains(words)), "{refusal}");
        }
    }

    fn mend(&mut self, cure: Cure) {
        match cure {
            Cure::StartCoordinator(id) => self.group.start_coordinator(id),
            Cure::StartWorker(name) => self.group.start_worker(name, &[]),
            Cure::Thaw(pids) => processes::signal(&pids, Signal::CONT),
            Cure::Heal(party) => self.group.lines.heal(&party),
            Cure::MakeRoom => {
                self.disk.make_room();
                self.revive(ON_SMALL_DISK);
            }
            Cure::CalmStore => self.proxy.set(Plan::Calm),
        }
    }

    /// Starts a coordinator unless it runs, also one that is just about to end for want of room.
    fn revive(&mut self, id: u64) {
        let list = ["peers", "list"];
        let there = within(PATIENCE, || {
            if self.group.running_coordinators().contains(&id) && self.group.coordinator(id).is_over() {
                self.group.reap_coordinator(id);
            }
            if !self.group.running_coordinators().contains(&id) {
                self.group.start_coordinator(id);
            }
            let asked = self.group.asking_at(&self.group.address(id), &list);
            asked.finish(PATIENCE).code == Some(0)
        });
        assert!(
            there,
            "coordinator {id} is back{}\n{}",
            self.replay(),
            self.told()
        );
    }

    /// What was told is true ever after.
    fn look(&mut self) {
        let replay = self.replay();
        let now = attempts_in(&self.group.ask(&["status", "--json"]).json());
        for before in &self.seen {
            assert_never_repeated(before, &now);
        }
        self.seen.push(now);
        let builds = self.group.ask(&["ls", "--json"]).json();
        assert_eq!(
            builds[0]["priority"], self.priority,
            "what was acknowledged is there{replay}"
        );
    }
}

/// Every task is done, and every token belongs to one attempt.
fn assert_in_order(all: &Attempts, replay: &str) {
    let mut seen = Vec::new();
    for task in all.values() {
        assert_eq!(task.standing, "done", "{task:?}{replay}");
        let measured = task.what.starts_with("profile");
        assert_eq!(task.attempts.is_empty(), measured, "{task:?}{replay}");
        seen.extend(tokens(task));
    }
    seen.sort_unstable();
    let expected: Vec<u64> = (1..=seen.len() as u64).collect();
    assert_eq!(seen, expected, "every token belongs to one attempt{replay}");
}
