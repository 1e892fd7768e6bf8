//! The machine under random commands, and the log under damage.

use super::{Command, Effect, Log, LogError, Phase, State};
use crate::plan::testing;
use imgcalc_shared::build::Build;
use imgcalc_shared::task::{FailureClass, Task};
use proptest::prelude::*;

/// A step of a made-up history; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Submit,
    Cancel,
    Lease(usize),
    Complete {
        task: usize,
        token: u64,
        honest: bool,
    },
    Fail {
        task: usize,
        token: u64,
        class: FailureClass,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let class = prop_oneof![
        Just(FailureClass::Preempted),
        Just(FailureClass::WorkerLost),
        Just(FailureClass::Numeric),
        Just(FailureClass::Application),
    ];
    let step = prop_oneof![
        1 => Just(Step::Submit),
        1 => Just(Step::Cancel),
        6 => (0..6usize).prop_map(Step::Lease),
        4 => (0..6usize, 0..20u64, any::<bool>()).prop_map(|(task, token, honest)| Step::Complete { task, token, honest }),
        4 => (0..6usize, 0..20u64, class).prop_map(|(task, token, class)| Step::Fail { task, token, class }),
    ];
    prop::collection::vec(step, 0..60)
}

fn command(step: &Step, build: &Build, tasks: &[Task]) -> Command {
    match step {
        Step::Submit => Command::Submit {
            build: Box::new(build.clone()),
            at_ms: 1,
        },
        Step::Cancel => Command::Cancel {
            build: build.id(),
            at_ms: 1,
        },
        Step::Lease(task) => Command::Lease {
            task: Box::new(tasks[*task].clone()),
            build: build.id(),
            worker: "w".into(),
            at_ms: 1,
        },
        Step::Complete { task, token, honest } => {
            let answers = if *honest { *task } else { (*task + 1) % tasks.len() };
            let outcome = Box::new(testing::outcome(&tasks[answers]));
            Command::Complete {
                task: tasks[*task].id(),
                token: *token,
                outcome,
                at_ms: 1,
            }
        }
        Step::Fail { task, token, class } => {
            let message = "made up".into();
            Command::Fail {
                task: tasks[*task].id(),
                token: *token,
                class: *class,
                message,
                at_ms: 1,
            }
        }
    }
}

proptest! {
    #[test]
    fn any_history_keeps_the_invariants_and_replays_to_the_same_state(steps in steps()) {
        let build = testing::build();
        let tasks = testing::tasks(&build);
        let mut state = State::default();
        let mut log = Vec::new();
        let mut committed = std::collections::BTreeSet::new();
        for step in &steps {
            let command = command(step, &build, &tasks);
            for effect in state.apply(&command) {
                if let Effect::Committed { task } = effect {
                    prop_assert!(committed.insert(task), "a task is committed once");
                }
            }
            state.check();
            log.push(command);
        }
        prop_assert_eq!(committed.len(), state.committed().len(), "nothing committed is lost");
        let mut replayed = State::default();
        for command in &log {
            replayed.apply(command);
        }
        prop_assert_eq!(replayed, state);
    }
}

#[test]
fn a_late_result_is_taken_while_its_task_is_open_and_never_replaces_one() {
    let build = testing::build();
    let task = testing::tasks(&build).remove(0);
    let id = task.id();
    let mut state = State::default();
    let lease = |worker: &str| Command::Lease {
        task: Box::new(task.clone()),
        build: build.id(),
        worker: worker.into(),
        at_ms: 2,
    };
    let complete = |token| Command::Complete {
        task: id,
        token,
        outcome: Box::new(testing::outcome(&task)),
        at_ms: 3,
    };
    state.apply(&Command::Submit {
        build: Box::new(build.clone()),
        at_ms: 1,
    });
    assert_eq!(state.apply(&lease("a")), [Effect::Leased { task: id, token: 1 }]);
    assert!(matches!(state.apply(&lease("b"))[0], Effect::Refused { .. }));
    let lost = Command::Fail {
        task: id,
        token: 1,
        class: FailureClass::WorkerLost,
        message: "silent".into(),
        at_ms: 2,
    };
    assert_eq!(state.apply(&lost), [Effect::Reopened { task: id, token: 1 }]);
    assert_eq!(state.apply(&lease("b")), [Effect::Leased { task: id, token: 2 }]);
    assert!(matches!(state.apply(&complete(7))[0], Effect::Refused { .. }));
    assert_eq!(state.apply(&complete(1)), [Effect::Committed { task: id }]);
    assert_eq!(state.apply(&complete(2)), [Effect::AlreadyCommitted { task: id }]);
    assert_eq!(state.committed()[&id].token, Some(1));
    state.check();
}

#[test]
fn only_the_tasks_own_faults_give_it_up() {
    let build = testing::build();
    let task = testing::tasks(&build).remove(0);
    let mut state = State::default();
    state.apply(&Command::Submit {
        build: Box::new(build.clone()),
        at_ms: 1,
    });
    let mut fail = |class| {
        let lease = Command::Lease {
            task: Box::new(task.clone()),
            build: build.id(),
            worker: "w".into(),
            at_ms: 1,
        };
        let Effect::Leased { token, .. } = state.apply(&lease)[0] else {
            panic!("it can be leased")
        };
        state.apply(&Command::Fail {
            task: task.id(),
            token,
            class,
            message: String::new(),
            at_ms: 1,
        });
        state.check();
        state.open()[&task.id()].phase == Phase::Quarantined
    };
    assert!((0..50).all(|_| !fail(FailureClass::Preempted)));
    assert!((0..50).all(|_| !fail(FailureClass::Storage)));
    assert!(
        !fail(FailureClass::Application)
            && !fail(FailureClass::OutOfMemory)
            && !fail(FailureClass::Application)
    );
    assert!(fail(FailureClass::Application));
}

fn submits(count: u64) -> Vec<Command> {
    (0..count)
        .map(|at_ms| Command::Submit {
            build: Box::new(testing::build()),
            at_ms,
        })
        .collect()
}

#[test]
fn the_log_returns_what_was_appended_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    let (mut log, commands) = Log::open(&path).unwrap();
    assert!(commands.is_empty());
    log.append(&submits(3)).unwrap();
    assert!(matches!(Log::open(&path), Err(LogError::Busy { .. })));
    drop(log);
    let (mut log, commands) = Log::open(&path).unwrap();
    assert_eq!(commands, submits(3));
    log.append(&submits(2)).unwrap();
    drop(log);
    assert_eq!(Log::open(&path).unwrap().1.len(), 5);
}

#[test]
fn a_truncated_log_refuses_to_open_rather_than_forget() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    Log::open(&path).unwrap().0.append(&submits(40)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for share in [0, 1, 10, 50, 90, 99] {
        let cut = folder.path().join(format!("cut-{share}"));
        std::fs::write(&cut, &bytes[..bytes.len() * share / 100]).unwrap();
        let error = Log::open(&cut).err().map(|error| error.to_string());
        assert!(
            error.as_ref().is_some_and(|error| error.contains("damaged")),
            "{share} %: {error:?}"
        );
    }
}

#[test]
fn a_flipped_bit_is_found_or_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.redb");
    Log::open(&path).unwrap().0.append(&submits(8)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let mut found = 0;
    for position in (0..bytes.len()).step_by(bytes.len() / 400) {
        let mut damaged = bytes.clone();
        damaged[position] ^= 1 << (position % 8);
        let copy = folder.path().join("flipped");
        std::fs::write(&copy, &damaged).unwrap();
        match Log::open(&copy) {
            // Not every byte of the file is in use.
            Ok((_, commands)) => assert_eq!(commands, submits(8), "byte {position}"),
            Err(_) => found += 1,
        }
    }
    assert!(found > 0, "no flipped bit hit anything that is in use");
}
