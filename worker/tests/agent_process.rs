//! The agent as a process against a coordinator that hands out, goes away, forgets and stops.

mod agent_support;

use agent_support::coordinator::Coordinator;
use agent_support::{PATIENCE, PROGRAM, World, children, is_alive, measurement, signal, wait_until};
use imgcalc_shared::task::{Outcome, Task};
use rustix::process::Signal;
use std::io::Read;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

struct Agent {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Agent {
    fn start(coordinator: &Coordinator, options: &str) -> Agent {
        let mut child = Command::new(PROGRAM)
            .args(["--coordinators", &coordinator.address.to_string()])
            .args(["--threads", "1", "--name", "tested", "--exit-with-stdin"])
            .args(options.split_whitespace())
            .env("RUST_LOG", "info")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Agent {
            stdin: child.stdin.take(),
            child,
        }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn runner(&self) -> u32 {
        let mut runner = None;
        wait_until("there is one runner", || match children(self.pid())[..] {
            [one] => {
                runner = Some(one);
                true
            }
            _ => false,
        });
        runner.unwrap()
    }

    /// How it ends by itself, and what it wrote.
    fn end(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        (self.child.wait().unwrap(), log)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Too long to end by itself here.
const ENDLESS: u32 = 1_000_000;

fn wait_for_training(coordinator: &Coordinator) {
    wait_until("the training is under way", || {
        coordinator.book().updates.iter().any(|update| update.epoch > 0)
    });
}

fn outcome(json: &str) -> Outcome {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_training_is_reported_and_completed_and_the_runner_stays_for_the_build_only() {
    let world = World::new();
    let coordinator = Coordinator::start();
    let task = world.training(20);
    coordinator.assign("one", 5, &world.url(), &task);
    let agent = Agent::start(&coordinator, "");
    wait_until("it is completed", || !coordinator.book().completed.is_empty());
    let runner = agent.runner();
    {
        let book = coordinator.book();
        let [completed] = &book.completed[..] else {
            panic!("{:?}", book.completed);
        };
        assert_eq!((completed.token, &completed.task), (5, &task.id().to_string()));
        assert!(task.accepts(&outcome(&completed.outcome_json)));
        assert_eq!(serde_json::from_str::<Task>(&completed.task_json).unwrap(), task);
        let last = book.updates.last().unwrap();
        assert_eq!((last.epoch, last.epochs, last.token), (20, 20, 5));
        assert!((0.0..=1.0).contains(&last.accuracy) && last.bytes_read > 0);
        let [registered] = &book.registered[..] else {
            panic!("{:?}", book.registered);
        };
        assert_eq!((registered.name.as_str(), registered.threads), ("tested", 1));
        assert!(registered.hardware.ends_with("-t1") && !registered.host.is_empty());
    }
    coordinator.assign("one", 6, &world.url(), &measurement());
    wait_until("the second is completed", || {
        coordinator.book().completed.len() == 2
    });
    assert_eq!(agent.runner(), runner, "the runner stays warm");
    coordinator.assign("two", 7, &world.url(), &measurement());
    wait_until("the third is completed", || {
        coordinator.book().completed.len() == 3
    });
    assert_ne!(agent.runner(), runner, "another build gets another runner");
    assert!(!is_alive(runner));
    assert!(coordinator.book().failed.is_empty());
}

#[test]
fn while_no_coordinator_answers_the_training_goes_on_and_its_result_is_kept() {
    let world = World::new();
    let mut coordinator = Coordinator::start();
    let task = world.training(150);
    coordinator.assign("one", 1, &world.url(), &task);
    let agent = Agent::start(&coordinator, "--checkpoint-seconds 0");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    coordinator.go_away();
    let weights = format!("tasks/{}/attempt-1/weights.safetensors", task.id());
    wait_until("the training ends meanwhile", || {
        world.base.exists(&weights).unwrap()
    });
    coordinator.forget_workers();
    coordinator.come_back();
    wait_until("it is completed", || !coordinator.book().completed.is_empty());
    let book = coordinator.book();
    assert_eq!(book.completed[0].token, 1);
    assert_eq!(book.completed[0].worker, "w2", "it registered again");
    assert!(task.accepts(&outcome(&book.completed[0].outcome_json)));
    assert!(book.failed.is_empty());
    assert!(is_alive(runner));
}

#[test]
fn a_coordinator_that_returns_in_the_middle_hears_of_the_same_attempt() {
    let world = World::new();
    let mut coordinator = Coordinator::start();
    coordinator.assign("one", 9, &world.url(), &world.training(ENDLESS));
    let agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    coordinator.go_away();
    coordinator.forget_workers();
    coordinator.book().updates.clear();
    std::thread::sleep(Duration::from_millis(300));
    coordinator.come_back();
    wait_for_training(&coordinator);
    assert_eq!(agent.runner(), runner);
    let (worker, token) = {
        let book = coordinator.book();
        (book.updates[0].worker.clone(), book.updates[0].token)
    };
    assert_eq!((worker.as_str(), token), ("w2", 9));

    coordinator.book().stop = Some("its build is cancelled".into());
    wait_until("the attempt ends", || !coordinator.book().failed.is_empty());
    let book = coordinator.book();
    assert_eq!(book.failed[0].class, "preempted");
    assert_eq!(book.failed[0].message, "its build is cancelled");
    assert_eq!((book.failed[0].token, book.failed.len()), (9, 1));
}

#[test]
fn an_agent_without_coordinators_for_too_long_ends_and_says_so() {
    let world = World::new();
    let mut coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let agent = Agent::start(&coordinator, "--orphan-seconds 1");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    let address = coordinator.address.to_string();
    coordinator.go_away();
    let (status, log) = agent.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(
        log.contains(&format!("error: no coordinator of {address} answers for")),
        "{log}"
    );
    assert!(!is_alive(runner));
}

#[test]
fn a_killed_runner_ends_the_attempt_and_not_the_worker() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    signal(agent.runner(), Signal::KILL);
    wait_until("the failure is told", || !coordinator.book().failed.is_empty());
    {
        let book = coordinator.book();
        assert_eq!(book.failed[0].class, "worker_lost");
        assert!(
            book.failed[0].message.contains("signal: 9"),
            "{}",
            book.failed[0].message
        );
    }
    coordinator.assign("one", 2, &world.url(), &world.training(2));
    wait_until("the next is completed", || {
        !coordinator.book().completed.is_empty()
    });
    assert_eq!(coordinator.book().registered.len(), 1);
}

#[test]
fn a_failed_task_is_told_with_its_class_and_log() {
    let world = World::new();
    let coordinator = Coordinator::start();
    let mut task = world.training(1);
    let Task::Train { hyper, .. } = &mut task else {
        unreachable!()
    };
    hyper.learning_rate = 1e30;
    coordinator.assign("one", 1, &world.url(), &task);
    let _agent = Agent::start(&coordinator, "");
    wait_until("the failure is told", || !coordinator.book().failed.is_empty());
    let book = coordinator.book();
    assert_eq!(book.failed[0].class, "numeric", "{}", book.failed[0].message);
}

#[test]
fn sigterm_hands_the_attempt_back_and_ends_well() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    let begin = Instant::now();
    signal(agent.pid(), Signal::TERM);
    let (status, log) = agent.end();
    assert!(status.success(), "{log}");
    assert!(begin.elapsed() < Duration::from_secs(20));
    assert!(!is_alive(runner));
    let book = coordinator.book();
    assert_eq!(
        (book.failed.len(), book.failed[0].class.as_str()),
        (1, "preempted")
    );
}

#[test]
fn sigterm_ends_an_agent_that_waits_for_work_or_for_a_coordinator() {
    let mut coordinator = Coordinator::start();
    let agent = Agent::start(&coordinator, "");
    wait_until("it is registered", || !coordinator.book().registered.is_empty());
    signal(agent.pid(), Signal::TERM);
    assert!(agent.end().0.success());

    coordinator.go_away();
    let mut agent = Agent::start(&coordinator, "");
    std::thread::sleep(Duration::from_secs(2));
    assert!(
        agent.child.try_wait().unwrap().is_none(),
        "it waits for a coordinator"
    );
    signal(agent.pid(), Signal::TERM);
    assert!(agent.end().0.success());
}

#[test]
fn the_end_of_stdin_ends_agent_and_runner() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let mut agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    agent.stdin = None;
    assert!(agent.end().0.success());
    wait_until("the runner is gone", || !is_alive(runner));
}

#[test]
fn a_killed_agent_leaves_no_runner() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let mut agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    agent.child.kill().unwrap();
    wait_until("the runner is gone", || !is_alive(runner));
}

#[test]
fn a_worker_the_coordinator_forgot_registers_again() {
    let world = World::new();
    let coordinator = Coordinator::start();
    let _agent = Agent::start(&coordinator, "");
    wait_until("it is registered", || coordinator.book().registered.len() == 1);
    coordinator.forget_workers();
    wait_until("it is registered again", || {
        coordinator.book().registered.len() == 2
    });
    coordinator.assign("one", 1, &world.url(), &measurement());
    wait_until("it works", || coordinator.book().completed.len() == 1);
    assert_eq!(coordinator.book().completed[0].worker, "w2");
}

#[test]
fn a_runner_that_hangs_is_killed_when_it_does_not_stop() {
    let world = World::new();
    let coordinator = Coordinator::start();
    coordinator.assign("one", 1, &world.url(), &world.training(ENDLESS));
    let agent = Agent::start(&coordinator, "");
    wait_for_training(&coordinator);
    let runner = agent.runner();
    signal(runner, Signal::STOP);
    coordinator.book().stop = Some("not wanted".into());
    wait_until("the attempt ends", || !coordinator.book().failed.is_empty());
    let book = coordinator.book();
    assert_eq!(book.failed[0].class, "preempted");
    assert!(
        book.failed[0].message.contains("is killed"),
        "{}",
        book.failed[0].message
    );
    assert!(!is_alive(runner));
}

#[test]
fn addresses_that_cannot_be_are_refused_at_once() {
    let begin = Instant::now();
    for address in ["nonsense", "host:port", "host:99999", "ho st:1"] {
        let output = Command::new(PROGRAM)
            .args(["--coordinators", address, "--threads", "1"])
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{log}");
        assert!(log.contains("error: ") && log.contains(address), "{log}");
    }
    assert!(begin.elapsed() < PATIENCE);
}
