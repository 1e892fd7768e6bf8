//! The machine under random commands.

use super::{Command, Effect, Phase, State, Wanted};
use crate::plan::testing;
use imgcalc_shared::build::Build;
use imgcalc_shared::task::{FailureClass, Task};
use proptest::prelude::*;

/// A step of a made-up history; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Submit,
    Direct(Wanted),
    Retry(usize),
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
        1 => prop_oneof![Just(Wanted::Run), Just(Wanted::Pause), Just(Wanted::Cancel)].prop_map(Step::Direct),
        1 => (0..6usize).prop_map(Step::Retry),
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
            priority: 0,
            at_ms: 1,
        },
        Step::Direct(wanted) => Command::Direct {
            build: build.id(),
            wanted: Some(*wanted),
            priority: None,
            at_ms: 1,
        },
        Step::Retry(task) => Command::Retry {
            tasks: vec![tasks[*task].id()],
            builds: vec![build.id()],
            at_ms: 1,
        },
        Step::Lease(task) => Command::Lease {
            task: Box::new(tasks[*task].clone()),
            build: build.id(),
            worker: "w".into(),
            host: "h".into(),
            sequence: 0,
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
        prop_assert_eq!(&replayed, &state);
        let image = serde_json::to_vec(&state).unwrap();
        prop_assert_eq!(serde_json::from_slice::<State>(&image).unwrap(), state, "an image is the state");
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
        host: "h".into(),
        sequence: 0,
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
        priority: 0,
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
        priority: 0,
        at_ms: 1,
    });
    let mut fail = |class| {
        let lease = Command::Lease {
            task: Box::new(task.clone()),
            build: build.id(),
            worker: "w".into(),
            host: "h".into(),
            sequence: 0,
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
