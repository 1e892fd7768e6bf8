//! A training that is held in its middle, so that no machine is too fast for what a test does to it there.

use super::agent::Agent;
use super::coordinator::Coordinator;
use super::{World, is_stopped, signal, wait_until};
use imgcalc_shared::task::Task;
use rustix::process::Signal;

/// Epochs that most machines take longer for than for noticing that the first are done.
const EPOCHS: u32 = 150;
/// Trainings tried, each twice as long as the last.
const TRIES: u64 = 8;

/// Goes on when it is let go or dropped.
pub struct Held {
    pub task: Task,
    /// The first attempt has 1; any before this one are completed.
    pub token: u64,
    pub runner: u32,
}

impl Held {
    /// Hands trainings of build `one` out until one is held before its end.
    pub fn start(world: &World, coordinator: &Coordinator, agent: &Agent) -> Held {
        for token in 1..=TRIES {
            let task = world.training(EPOCHS << (token - 1));
            coordinator.assign("one", token, &world.url(), &task);
            let completed = || coordinator.book().completed.len() as u64 == token;
            wait_until("the training is under way", || {
                let trains = |book: &super::coordinator::Book| {
                    let mut updates = book.updates.iter();
                    updates.any(|update| update.token == token && update.epoch > 0)
                };
                trains(&coordinator.book()) || completed()
            });
            let runner = agent.runner();
            let held = Held { task, token, runner };
            signal(runner, Signal::STOP);
            wait_until("it is held", || is_stopped(runner));
            // They are written before anything is told of the end.
            if world.weights(&held.task).is_empty() {
                return held;
            }
            held.let_go();
            wait_until("it is completed", completed);
        }
        panic!("no training is long enough to be held");
    }

    pub fn let_go(&self) {
        signal(self.runner, Signal::CONT);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A test that fails must not leave a process behind that cannot end.
        if is_stopped(self.runner) {
            self.let_go();
        }
    }
}
