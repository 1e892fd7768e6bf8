//! The runner as a process: what it answers, and how it ends.

mod agent_support;

use agent_support::runner::Runner;
use agent_support::{World, damage, measurement, wait_until};
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::task::{FailureClass, Outcome, Start, Task, TaskId};
use imgcalc_worker::runner::protocol::{Event, LINE_BYTES_MAX, Request};

#[test]
fn garbage_and_lines_without_end_are_answered_and_the_next_job_is_done() {
    let mut runner = Runner::start("memory://");
    runner.send(b"garbage \xff\n");
    let (class, message) = runner.failed();
    assert_eq!(class, FailureClass::Application);
    assert!(message.contains("a line is no message"), "{message}");

    let mut long = vec![b'x'; LINE_BYTES_MAX + 1];
    long.push(b'\n');
    runner.send(&long);
    let (_, message) = runner.failed();
    assert!(message.contains("longer than"), "{message}");

    runner.job(&measurement(), 1);
    let Event::Done { outcome } = runner.end_of_job() else {
        panic!("no outcome");
    };
    assert!(measurement().accepts(&outcome));
    runner.close();
}

#[test]
fn the_end_of_stdin_ends_it_well_in_the_middle_of_a_training() {
    let world = World::new();
    // A machine that stands still for half a second has it killed by itself.
    let ends_well = (1..=5).any(|token| {
        let mut runner = Runner::with(&world.url(), "3600");
        runner.job(&world.training(1_000_000), token);
        assert!(matches!(runner.next(), Event::Progress(_)));
        runner.end().0.success()
    });
    assert!(ends_well);
}

#[test]
fn a_stop_ends_the_job_and_not_the_runner() {
    let world = World::new();
    let mut runner = Runner::start(&world.url());
    runner.job(&world.training(1_000_000), 1);
    assert!(matches!(runner.next(), Event::Progress(_)));
    runner.ask(&Request::Stop);
    assert_eq!(runner.failed().0, FailureClass::Preempted);
    runner.job(&world.training(2), 2);
    assert!(world.training(2).accepts(&Outcome::Train(runner.trained())));
    runner.close();
}

#[test]
fn a_killed_and_resumed_training_equals_an_undisturbed_one() {
    // Longer where a machine is done with it before it can be disturbed.
    let mut epochs = [300, 1200, 4800, 19_200].into_iter();
    assert!(epochs.any(disturbed_and_undisturbed_are_equal));
}

/// False if the training was not disturbed where it was to be.
fn disturbed_and_undisturbed_are_equal(epochs: u32) -> bool {
    let (world, other) = (World::new(), World::new());
    let task = world.training(epochs);
    assert_eq!(task.id(), other.training(epochs).id());

    let mut runner = Runner::start(&other.url());
    runner.job(&task, 1);
    let undisturbed = runner.trained();
    let log = runner.close();
    assert!(!log.contains("WARN"), "{log}");
    assert_eq!(
        other.checkpoints(&task).len(),
        2,
        "the last two stay until the result is committed"
    );

    let wait_for_checkpoints = |token: u64| {
        let own = format!("attempt-{token}/");
        wait_until("there are checkpoints", || {
            let all = world.checkpoints(&task);
            all.iter().filter(|key| key.contains(&own)).count() >= 2
        });
    };
    // Killed, and then killed again having gone on from the first attempt's checkpoint.
    for token in [1, 2] {
        let mut runner = Runner::start(&world.url());
        runner.job(&task, token);
        wait_for_checkpoints(token);
        runner.process.child.kill().unwrap();
        runner.process.child.wait().unwrap();
        if !world.weights(&task).is_empty() {
            return false;
        }
    }
    // The newest was damaged meanwhile; the one before serves.
    let epoch = |key: &String| -> u32 { key.split(['-', '.']).rev().nth(1).unwrap().parse().unwrap() };
    let newest = world.checkpoints(&task).into_iter().max_by_key(epoch).unwrap();
    damage(&world.folder.path().join("base"), &newest);

    // And drained twice, wherever it is by then.
    for token in [3, 4] {
        let mut runner = Runner::start(&world.url());
        runner.job(&task, token);
        wait_for_checkpoints(token);
        runner.ask(&Request::Drain);
        match runner.end_of_job() {
            Event::Failed { class, .. } => assert_eq!(class, FailureClass::Preempted),
            Event::Done { .. } => return false,
            Event::Progress(_) | Event::Account(_) => unreachable!(),
        }
        let log = runner.close();
        if token == 3 {
            let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
            assert!(warnings.len() == 1 && warnings[0].contains(&newest), "{log}");
        }
    }

    let mut runner = Runner::start(&world.url());
    runner.job(&task, 5);
    let resumed = runner.trained();
    let log = runner.close();
    assert_eq!(resumed.weights.digest, undisturbed.weights.digest);
    assert_eq!(resumed.curve, undisturbed.curve);
    assert_eq!(resumed.test_accuracy, undisturbed.test_accuracy);
    assert_eq!(
        resumed.weights.key,
        format!(
            "tasks/{}/attempt-5/weights-{}.safetensors",
            task.id(),
            resumed.weights.digest
        )
    );
    assert!(!log.contains("WARN"), "{log}");
    true
}

#[test]
fn a_drained_training_leaves_a_checkpoint_of_where_it_is_and_a_stopped_one_does_not() {
    let world = World::new();
    let task = world.training(1_000_000);
    let mut runner = Runner::with(&world.url(), "3600");
    for (request, left) in [(Request::Stop, 0), (Request::Drain, 1)] {
        runner.job(&task, 1);
        assert!(matches!(runner.next(), Event::Progress(_)));
        runner.ask(&request);
        assert_eq!(runner.failed().0, FailureClass::Preempted);
        assert_eq!(world.checkpoints(&task).len(), left, "{request:?}");
    }
    runner.close();
}

#[test]
fn a_training_whose_result_was_lost_is_not_done_again() {
    let world = World::new();
    let task = world.training(3);
    let mut runner = Runner::with(&world.url(), "3600");
    runner.job(&task, 1);
    let lost = runner.trained();
    runner.job(&task, 2);
    let mut found = None;
    while found.is_none() {
        match runner.next() {
            Event::Progress(progress) => panic!("it trains again: {progress:?}"),
            end => found = Some(end),
        }
    }
    let Some(Event::Done {
        outcome: Outcome::Train(found),
    }) = found
    else {
        panic!("{found:?}");
    };
    assert_eq!(found.weights.digest, lost.weights.digest);
    assert_eq!(found.curve, lost.curve);
    runner.close();
}

#[test]
fn columns_in_memory_serve_the_next_link_and_weights_are_checked_before_use() {
    let world = World::new();
    let mut runner = Runner::start(&world.url());
    let first = world.training(2);
    runner.job(&first, 1);
    let root = runner.trained();
    assert!(root.bytes_read > 0);
    assert!(runner.account.bytes_moved >= root.bytes_read && runner.account.requests > 0);

    let mut link = world.training(1);
    let Task::Train { start, input, .. } = &mut link else {
        unreachable!()
    };
    *start = Start::Weights(first.id());
    *input = imgcalc_shared::task::Input::Format("1x1-b8-k1-q20".parse().unwrap());
    runner.job_from(&link, 2, Some(&root.weights));
    assert_eq!(
        runner.trained().bytes_read,
        0,
        "a larger keep serves a smaller one"
    );
    // Another one, since this one would go on from its own checkpoint.
    let Task::Train { input, .. } = &mut link else {
        unreachable!()
    };
    *input = imgcalc_shared::task::Input::Format("1x1-b8-k2-q50".parse().unwrap());
    runner.job(&link, 2);
    assert_eq!(runner.failed().0, FailureClass::Application);
    let altered = ObjectRef {
        digest: Digest::of(b"other"),
        ..root.weights
    };
    runner.job_from(&link, 2, Some(&altered));
    let (class, message) = runner.failed();
    assert_eq!(class, FailureClass::BadData);
    assert!(message.contains(&altered.key), "{message}");
    runner.close();
}

#[test]
fn what_a_task_needs_and_the_base_does_not_hold_is_named() {
    let world = World::new();
    let mut task = world.training(1);
    let Task::Train { dataset, .. } = &mut task else {
        unreachable!()
    };
    *dataset = Digest::of(b"no dataset");
    let mut runner = Runner::start(&world.url());
    runner.job(&task, 1);
    let (class, message) = runner.failed();
    assert_eq!(class, FailureClass::BadData);
    assert!(
        message.contains(&TaskId(Digest::of(b"no dataset")).to_string()),
        "{message}"
    );
    runner.close();
}
