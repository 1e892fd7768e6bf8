//! A training that is killed again and again, and what its worker's log tells of it.

use anyhow::Context;
use imgcalc_tests::answers::attempts_in;
use imgcalc_tests::group::Group;
use imgcalc_tests::processes::{self, within};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use rustix::process::Signal;
use std::time::{Duration, Instant};

const WORKER: &str = "w1";
const POLL: Duration = Duration::from_millis(20);
/// Until something trains.
const PATIENCE: Duration = Duration::from_secs(60);

/// One coordinator, one worker, and what that trains.
pub(super) struct Training<'a> {
    group: Group<'a>,
    build: String,
    /// Of an epoch.
    images: u64,
    /// Bytes read of the present worker's log.
    read: usize,
    /// The start of the task's id.
    task: String,
    /// Where the training was, in epochs, and when, over all attempts.
    marks: Vec<(f64, Instant)>,
    /// Index of the first mark of the present attempt: where it goes on from.
    begin: usize,
    attempts: usize,
    /// Whether the present attempt has told of a step.
    trains: bool,
    /// Steps of an epoch.
    steps: f64,
    kills: usize,
}

/// What a kill cost.
pub(super) struct Cost {
    /// Epochs done at the kill.
    reached: f64,
    /// Epochs done where the next attempt goes on from.
    from: f64,
    /// Seconds of training between the two.
    pub(super) lost: f64,
    /// Seconds until the next attempt tells of a step.
    pub(super) gap: f64,
    /// For so long the killed attempt trained …
    pub(super) seconds: f64,
    /// … and did so many epochs.
    pub(super) epochs: f64,
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cost {
            reached,
            from,
            lost,
            gap,
            ..
        } = self;
        write!(
            f,
            "{reached:.2} epochs done, goes on from {from:.2}: {lost:.2} s redone, trains again after {gap:.2} s"
        )
    }
}

impl Training<'_> {
    /// Starts the processes.
    pub(super) fn start(sandbox: &Sandbox, min: f64, max: f64) -> anyhow::Result<Training<'_>> {
        let mut group = Group::new(sandbox, 1, &[]);
        let env = [
            ("RUST_LOG", "info,imgcalc_worker::stages=debug".to_string()),
            ("IMGCALC_CHECKPOINT_SECONDS", min.to_string()),
            ("IMGCALC_CHECKPOINT_SECONDS_MAX", max.to_string()),
        ];
        group.set_env(env.map(|(name, value)| (name.into(), value)).to_vec());
        group.start();
        group.start_worker(WORKER, &[]);
        let list = ["workers", "list", "--json"];
        let there = within(PATIENCE, || group.ask(&list).json().get(0).is_some());
        anyhow::ensure!(there, "the worker does not register");
        Ok(Training {
            group,
            build: String::new(),
            images: 0,
            read: 0,
            task: String::new(),
            marks: Vec::new(),
            begin: 0,
            attempts: 0,
            trains: false,
            steps: 1.0,
            kills: 0,
        })
    }

    /// Submits a build whose first training outlasts all kills, and waits until it trains.
    pub(super) fn begin(&mut self, images: u64, seed: usize) -> anyhow::Result<()> {
        let spec = Spec::tiny()
            .with("space.samplings", vec!["1x1"])
            .with("net.width", 16)
            .with("net.blocks", vec![1, 1])
            .with("training.epochs", 100_000)
            .with("training.train_images", images as i64)
            .with("training.seed", seed as i64);
        let spec = self.group.sandbox.spec("redone.toml", &spec);
        self.build = self.group.ask(&["submit", &spec]).ok().stdout.trim().into();
        self.images = images;
        self.kills = 0;
        self.follow_until_it_trains(self.attempts)
    }

    /// Kills the runner, and its worker with it or not, and waits until the next attempt trains.
    pub(super) fn kill(&mut self, worker_too: bool) -> anyhow::Result<Cost> {
        let mut pids: Vec<i32> = self.group.runners().iter().map(|runner| runner.pid).collect();
        if worker_too {
            pids.push(self.group.worker(WORKER).pid());
        }
        self.take();
        let (killed, attempts, task) = (self.begin, self.attempts, self.task.clone());
        processes::signal(&pids, Signal::KILL);
        let at = Instant::now();
        self.kills += 1;
        if worker_too {
            let log = self.group.reap_worker(WORKER).stderr;
            self.take_of(&log);
            self.read = 0;
            self.group.start_worker(WORKER, &[]);
        }
        self.follow_until_it_trains(attempts)?;
        let gap = at.elapsed().as_secs_f64();
        anyhow::ensure!(self.task == task, "the training is given up");

        let (before, from) = (&self.marks[..self.begin], self.marks[self.begin].0);
        let since = before.iter().rev().find(|(place, _)| *place <= from);
        let (_, since) = since.context("nobody was where the next attempt begins")?;
        let (first, last) = (before[killed + 1], before[before.len() - 1]);
        Ok(Cost {
            reached: last.0,
            from,
            lost: at.saturating_duration_since(*since).as_secs_f64(),
            gap,
            seconds: (last.1 - first.1).as_secs_f64(),
            epochs: last.0 - first.0,
        })
    }

    /// Ends the build; its ledger must know of every kill.
    pub(super) fn end(&self) -> anyhow::Result<()> {
        let all = attempts_in(&self.group.ask(&["status", &self.build, "--json"]).json());
        let own = all.into_iter().find(|(id, _)| id.starts_with(&self.task));
        let (_, task) = own.context("the ledger does not know the training")?;
        let failed = task.attempts.iter().filter(|of| !of["failure"].is_null()).count();
        let kills = self.kills;
        anyhow::ensure!(
            failed == kills,
            "{failed} attempts failed by {kills} kills: {task:?}"
        );
        self.group.ask(&["cancel", &self.build]).ok();
        Ok(())
    }

    /// Follows the log for a while.
    pub(super) fn follow_for(&mut self, span: Duration) {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.take();
            std::thread::sleep(POLL);
        }
    }

    /// Follows the log until an attempt after the first so many trains.
    fn follow_until_it_trains(&mut self, attempts: usize) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.attempts == attempts || !self.trains {
            let log = self.take();
            anyhow::ensure!(Instant::now() < end, "nothing trains:\n{log}");
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    fn take(&mut self) -> String {
        let log = self.group.worker(WORKER).stderr();
        self.take_of(&log);
        log
    }

    /// Takes what is new in the present worker's log.
    fn take_of(&mut self, log: &str) {
        let now = Instant::now();
        let new = log[self.read..].split_inclusive('\n');
        for line in new.take_while(|line| line.ends_with('\n')) {
            self.read += line.len();
            if line.contains(" starts: train ") {
                self.task = field(line, "task").unwrap_or_default().into();
                self.begin = self.marks.len();
                self.marks.push((0.0, now));
                self.attempts += 1;
                self.trains = false;
            } else if line.contains(" cannot go on from a checkpoint") {
                self.marks[self.begin] = (0.0, now);
            } else if line.contains(" goes on from a checkpoint") {
                self.marks[self.begin] = (self.place(line), now);
            } else if line.contains(" checkpoint object=") {
                self.marks.push((self.place(line), now));
            } else if line.contains(" trains epoch=") {
                let number = |name| field(line, name).map_or(0.0, number);
                self.steps = number("steps");
                let place = number("epoch") - 1.0 + number("step") / self.steps;
                if !self.trains {
                    // Images were read and moved before its first step: no training that is done again.
                    let (from, began) = &mut self.marks[self.begin];
                    let seconds = (place - *from) * self.images as f64 / number("images_per_second");
                    let trained = Duration::try_from_secs_f64(seconds).unwrap_or_default();
                    *began = now.checked_sub(trained).map_or(*began, |at| at.max(*began));
                    self.trains = true;
                }
                self.marks.push((place, now));
            }
        }
    }

    /// The place of the checkpoint that a line names, in epochs.
    fn place(&self, line: &str) -> f64 {
        let key = field(line, "object").unwrap_or_default();
        let name = key.rsplit("checkpoint-").next().unwrap_or_default();
        let name = name.trim_end_matches(".safetensors");
        let (epoch, step) = name.split_once('-').unwrap_or((name, "0"));
        number(epoch) + number(step) / self.steps
    }
}

/// A field of a log line, without its quotes.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = line.split_once(&format!(" {name}="))?;
    Some(value.split_whitespace().next()?.trim_matches('"'))
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}
