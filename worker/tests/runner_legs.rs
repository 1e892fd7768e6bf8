//! Trainings in stretches, through the runner: legs that are left and go on in other processes come to what a whole training does.

mod agent_support;

use agent_support::runner::Runner;
use agent_support::{World, wait_until};
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::task::{FailureClass, Leg, Outcome, Start, Task, Trained};
use imgcalc_worker::runner::protocol::{Event, Request};
use imgcalc_worker::stages;

/// A leg of a training: the first from scratch, every other from the state of the one before.
fn leg(whole: &Task, after: u32, until: u32, before: Option<&Task>) -> Task {
    let mut task = whole.clone();
    let Task::Train { leg, start, .. } = &mut task else {
        unreachable!()
    };
    *leg = Some(Leg { after, until });
    *start = before.map_or(Start::Scratch, |before| Start::State(before.id()));
    task
}

#[test]
fn legs_that_are_killed_and_drained_come_to_what_a_whole_training_does() {
    // Longer where a machine is done with it before it can be disturbed.
    let mut epochs = [300, 1200, 4800, 19_200].into_iter();
    assert!(epochs.any(disturbed_legs_and_a_whole_training_are_equal));
}

/// False if the second leg was not disturbed where it was to be.
fn disturbed_legs_and_a_whole_training_are_equal(epochs: u32) -> bool {
    let (world, other) = (World::new(), World::new());
    let task = world.training(epochs);
    let mut runner = Runner::start(&other.url());
    runner.job(&task, 1);
    let whole = runner.trained();
    runner.close();
    assert!(whole.state.is_none());

    let first = leg(&task, 0, 2, None);
    let second = leg(&task, 2, epochs - 1, Some(&first));
    let third = leg(&task, epochs - 1, epochs, Some(&second));
    let mut runner = Runner::start(&world.url());
    runner.job(&first, 1);
    let first_end = runner.trained();
    let ends = |task: &Task, trained: &Trained| {
        assert!(task.accepts(&Outcome::Train(trained.clone())), "{trained:?}");
        assert!(world.base.exists(&trained.state.as_ref().unwrap().key).unwrap());
    };
    ends(&first, &first_end);

    runner.job_from(&second, 1, first_end.state.as_ref());
    match runner.next() {
        Event::Progress(progress) => assert_eq!((progress.epoch, progress.epochs), (2, epochs)),
        other => panic!("{other:?}"),
    }
    wait_until("there are checkpoints", || world.checkpoints(&second).len() >= 2);
    runner.process.child.kill().unwrap();
    runner.process.child.wait().unwrap();
    if !world.states(&second).is_empty() {
        return false;
    }
    let mut runner = Runner::start(&world.url());
    runner.job_from(&second, 2, first_end.state.as_ref());
    assert!(matches!(runner.next(), Event::Progress(_)));
    runner.ask(&Request::Drain);
    match runner.end_of_job() {
        Event::Failed { class, .. } => assert_eq!(class, FailureClass::Preempted),
        _ => return false,
    }
    // On another machine it needs what the first attempts left, not what they started from.
    let mut runner = Runner::start(&world.url());
    runner.job(&second, 3);
    let second_end = runner.trained();
    ends(&second, &second_end);
    let state = second_end.state.as_ref().unwrap();
    assert_eq!(
        state.key,
        format!(
            "tasks/{}/attempt-3/state-{}.safetensors",
            second.id(),
            state.digest
        )
    );
    runner.job_from(&third, 1, Some(state));
    let third_end = runner.trained();
    ends(&third, &third_end);
    assert_eq!(third_end.weights.digest, whole.weights.digest);
    assert_eq!(third_end.test_accuracy, whole.test_accuracy);
    let curve = [first_end.curve, second_end.curve, third_end.curve].concat();
    assert_eq!(curve, whole.curve);
    let log = runner.close();
    assert!(!log.contains("WARN"), "{log}");

    // Once the result is committed its checkpoints go: weights and states may still be wanted.
    assert!(stages::tidy(&world.base, second.id()).unwrap() > 0);
    assert!(world.checkpoints(&second).is_empty());
    assert_eq!(
        (world.states(&second).len(), world.weights(&second).len()),
        (1, 1)
    );
    true
}

#[test]
fn a_leg_without_its_state_or_with_another_is_refused() {
    let world = World::new();
    let task = world.training(4);
    let first = leg(&task, 0, 2, None);
    let second = leg(&task, 2, 4, Some(&first));
    let mut runner = Runner::start(&world.url());
    runner.job(&first, 1);
    let end = runner.trained();
    runner.job(&second, 1);
    let (class, message) = runner.failed();
    assert_eq!(class, FailureClass::Application);
    assert!(message.contains(&first.id().to_string()), "{message}");
    let state = end.state.unwrap();
    let altered = ObjectRef {
        digest: Digest::of(b"other"),
        ..state.clone()
    };
    for (object, words) in [(&altered, state.key.as_str()), (&end.weights, "imgcalc-weights")] {
        runner.job_from(&second, 1, Some(object));
        let (class, message) = runner.failed();
        assert_eq!(class, FailureClass::BadData);
        assert!(message.contains(words), "{message}");
    }
    // And the runner goes on.
    runner.job_from(&second, 1, Some(&state));
    assert!(second.accepts(&Outcome::Train(runner.trained())));
    runner.close();
}
