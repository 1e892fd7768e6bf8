//! The machine under random commands.

use super::{BuildPhase, Command, Effect, Ending, Phase, State, Wanted};
use crate::plan::testing;
use imgcalc_shared::build::{Amendment, Build};
use imgcalc_shared::task::{FailureClass, Task};
use proptest::prelude::*;

/// A step of a made-up history; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Submit,
    Direct(Wanted),
    Amend(u16, Option<u16>),
    Finish,
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
        1 => (0..18u16, prop::option::of(0..4u16)).prop_map(|(bucket, formats)| Step::Amend(bucket, formats)),
        1 => Just(Step::Finish),
        1 => (0..6usize).prop_map(Step::Retry),
        6 => (0..6usize).prop_map(Step::Lease),
        4 => (0..6usize, 0..20u64, any::<bool>()).prop_map(|(task, token, honest)| Step::Complete { task, token, honest }),
        4 => (0..6usize, 0..20u64, class).prop_map(|(task, token, class)| Step::Fail { task, token, class }),
    ];
    prop::collection::vec(step, 0..60)
}

fn command(step: &Step, build: &Build, tasks: &[Task]) -> Command {
    match step {
        Step::Submit => submit(build),
        Step::Direct(wanted) => Command::Direct {
            build: build.id(),
            wanted: Some(*wanted),
            priority: None,
            at_ms: 1,
        },
        Step::Amend(bucket, formats) => amend(build, *bucket, *formats),
        Step::Finish => finish(build, Ending::Done),
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

fn submit(build: &Build) -> Command {
    Command::Submit {
        build: Box::new(build.clone()),
        priority: 0,
        at_ms: 1,
    }
}

fn amend(build: &Build, bucket: u16, formats: Option<u16>) -> Command {
    Command::Amend {
        build: build.id(),
        amendment: Amendment::Refine { bucket, formats },
        at_ms: 1,
    }
}

fn finish(build: &Build, ending: Ending) -> Command {
    Command::Finish {
        build: build.id(),
        ending,
        tasks: 1,
        at_ms: 1,
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

#[test]
fn an_amendment_lets_a_build_that_is_done_go_on_under_its_name_and_stays() {
    let build = testing::build();
    let id = build.id();
    let mut state = State::default();
    let refused = |effects: Vec<Effect>| match effects.as_slice() {
        [Effect::Refused { reason }] => reason.clone(),
        other => panic!("{other:?}"),
    };
    let amended = |known| {
        vec![Effect::Amended {
            build: id.clone(),
            known,
        }]
    };
    assert!(refused(state.apply(&amend(&build, 3, None))).contains("there is no build"));

    state.apply(&submit(&build));
    state.apply(&finish(&build, Ending::Done));
    assert!(refused(state.apply(&amend(&build, 16, None))).contains("there is no bucket 16"));
    assert!(refused(state.apply(&amend(&build, 3, Some(0)))).contains("one format at least"));
    assert!(matches!(state.builds()[&id].phase, BuildPhase::Ended { .. }));

    assert_eq!(state.apply(&amend(&build, 3, Some(4))), amended(false));
    state.check();
    assert_eq!(state.builds()[&id].phase, BuildPhase::Running);
    assert_eq!(state.builds()[&id].build.id(), id, "it keeps its name");

    // What asks for no more changes nothing, not even that it is over.
    state.apply(&finish(&build, Ending::Done));
    let before = state.clone();
    for formats in [Some(4), Some(1)] {
        assert_eq!(state.apply(&amend(&build, 3, formats)), amended(true));
        assert_eq!(state, before);
    }
    assert_eq!(state.apply(&amend(&build, 3, None)), amended(false));
    assert_eq!(state.apply(&amend(&build, 3, Some(9))), amended(true));
    assert_eq!(state.apply(&amend(&build, 0, Some(9))), amended(false));
    state.check();

    let kept = state.builds()[&id].build.amendments.clone();
    assert_eq!(kept.len(), 3);
    state.apply(&submit(&build));
    assert_eq!(
        state.builds()[&id].build.amendments,
        kept,
        "they outlive another submission"
    );
    let forged = state.builds()[&id].build.clone();
    let mut other = State::default();
    other.apply(&submit(&forged));
    assert!(
        other.builds()[&id].build.amendments.is_empty(),
        "they come by no submission"
    );
}

#[test]
fn a_build_that_is_paused_is_amended_and_waits_and_one_that_is_cancelled_or_refused_is_not() {
    let build = testing::build();
    let id = build.id();
    let mut state = State::default();
    state.apply(&submit(&build));
    let direct = |wanted| Command::Direct {
        build: id.clone(),
        wanted: Some(wanted),
        priority: None,
        at_ms: 1,
    };
    state.apply(&direct(Wanted::Pause));
    assert!(matches!(
        state.apply(&amend(&build, 1, None))[0],
        Effect::Amended { .. }
    ));
    assert_eq!(state.builds()[&id].phase, BuildPhase::Paused);
    state.apply(&direct(Wanted::Cancel));
    assert!(matches!(
        state.apply(&amend(&build, 2, None))[0],
        Effect::Refused { .. }
    ));
    state.apply(&direct(Wanted::Run));
    state.apply(&finish(&build, Ending::Refused("nothing fits".into())));
    assert!(matches!(
        state.apply(&amend(&build, 2, None))[0],
        Effect::Refused { .. }
    ));
    assert_eq!(state.builds()[&id].build.amendments.len(), 1);
    state.check();
}

#[test]
fn what_was_written_before_there_were_amendments_is_read_and_written_as_it_was() {
    let build = testing::build();
    let mut state = State::default();
    state.apply(&submit(&build));
    let image = serde_json::to_string(&state).unwrap();
    assert!(!image.contains("amendments"), "{image}");
    assert_eq!(serde_json::from_str::<State>(&image).unwrap(), state);

    let line = format!(
        r#"{{"command":"amend","build":"{}","amendment":{{"kind":"refine","bucket":3,"formats":4}},"at_ms":1}}"#,
        build.id()
    );
    let command = amend(&build, 3, Some(4));
    assert_eq!(serde_json::to_string(&command).unwrap(), line);
    assert_eq!(serde_json::from_str::<Command>(&line).unwrap(), command);
    let all = line.replace(r#","formats":4"#, "");
    assert_eq!(
        serde_json::from_str::<Command>(&all).unwrap(),
        amend(&build, 3, None)
    );
}
