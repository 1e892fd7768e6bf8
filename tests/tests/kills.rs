//! Whatever is killed, whenever: the build goes on, ends as if nothing had happened, and does nothing twice.

use imgcalc_tests::answers::{Attempts, Outcome, assert_never_repeated, attempts, list, tokens};
use imgcalc_tests::dice::{Dice, SEED_VARIABLE};
use imgcalc_tests::processes::{self, Process, Role, within};
use imgcalc_tests::profile;
use imgcalc_tests::programs::{PATIENCE, Running};
use imgcalc_tests::sandbox::{ORPHAN_LIMIT, Sandbox, files};
use imgcalc_tests::spec::{LONG_EPOCHS_TRANSFER, Spec};
use imgcalc_tests::trainings::{self, Epochs};
use std::time::Duration;

const IMAGES: u32 = 1000;
/// Epochs that every training of the long spec has; those from scratch have more.
const EPOCHS: u64 = LONG_EPOCHS_TRANSFER as u64;
/// Of six links and a training on pixels.
const EPOCHS_ALL: u64 = 7 * EPOCHS;

/// What is killed how often. A worker is started again later after each death, so it is not the victim each time.
const VICTIMS: [(Role, usize); 3] = [(Role::Runner, 4), (Role::Worker, 3), (Role::Coordinator, 3)];

fn epochs(sandbox: &Sandbox, base: &str) -> Epochs {
    Epochs::of(&sandbox.path(base), EPOCHS)
}

/// An undisturbed build in `calm` with the profile in `profile`, and the spec and base for a second one with equal input.
fn undisturbed(sandbox: &Sandbox) -> Outcome {
    sandbox.import_fashion("base", IMAGES);
    profile::made_up(sandbox, &Spec::long(), "profile");
    let spec = sandbox.spec("calm.toml", &Spec::long());
    sandbox.built("calm", &spec, &["--profile", "profile"]);
    sandbox.import_fashion("base-again", IMAGES);
    sandbox.spec("spec.toml", &Spec::long().with("base", "base-again"));
    Outcome::of(sandbox, "calm")
}

/// Starts the second build, or goes on with it.
fn go_on(sandbox: &Sandbox) -> Running {
    sandbox.build("data", "spec.toml", &["--profile", "profile"])
}

/// Waits until a process of this role is there and picks one.
fn pick(sandbox: &Sandbox, build: &Running, role: Role, dice: &mut Dice) -> Option<Process> {
    if role == Role::Coordinator {
        // What it is just starting looks like it for a moment.
        return Some(Process {
            pid: build.pid(),
            role,
        });
    }
    sandbox.a_process(role, dice)
}

/// Each task was done by its last attempt, the others failed, and every token is accounted for.
fn assert_ledger_in_order(all: &Attempts, adopted: &str) {
    let mut seen = Vec::new();
    for task in all.values() {
        assert_eq!(task.standing, "done", "{}", task.what);
        assert_eq!(
            task.attempts.is_empty(),
            task.what.starts_with(adopted),
            "{task:?}"
        );
        if let Some((last, before)) = task.attempts.split_last() {
            assert!(last["failure"].is_null(), "{task:?}");
            assert!(
                before.iter().all(|attempt| !attempt["failure"].is_null()),
                "{task:?}"
            );
        }
        seen.extend(tokens(task));
    }
    seen.sort_unstable();
    let expected: Vec<u64> = (1..=seen.len() as u64).collect();
    assert_eq!(
        seen, expected,
        "every token belongs to one attempt of a task of the build"
    );
}

#[test]
fn a_build_that_is_killed_ten_times_ends_like_one_that_is_not() {
    let sandbox = Sandbox::new();
    let expected = undisturbed(&sandbox);
    let mut dice = Dice::thrown();
    let seed = dice.seed;
    let mut victims: Vec<Role> = VICTIMS
        .iter()
        .flat_map(|&(role, times)| vec![role; times])
        .collect();
    dice.shuffle(&mut victims);
    eprintln!("{SEED_VARIABLE}={seed}: kills {victims:?}");
    let replay = format!("; replay with {SEED_VARIABLE}={seed}");

    let mut epochs = epochs(&sandbox, "base-again");
    let kills = victims.len() as u64;
    let mut snapshots: Vec<Attempts> = Vec::new();
    let mut build = go_on(&sandbox);
    for (number, role) in (0..kills).zip(victims) {
        // Somewhere in the next part of the work, and somewhere within an epoch.
        let share = (number as f64 + 0.05 + 0.9 * dice.share()) / (kills as f64 + 2.0);
        let moment = (share * EPOCHS_ALL as f64) as u64;
        let there = within(PATIENCE, || epochs.done() >= moment || build.is_over());
        assert!(
            there && !build.is_over(),
            "kill {number} comes too late{replay}\n{}",
            build.stderr()
        );
        std::thread::sleep(Duration::from_millis(dice.below(60)));
        let victim = pick(&sandbox, &build, role, &mut dice);
        let victim = victim.unwrap_or_else(|| panic!("no {role:?} to kill{replay}\n{}", build.stderr()));
        eprintln!(
            "kill {number}: {victim:?} after {} of {EPOCHS_ALL} epochs",
            epochs.done()
        );
        let others = sandbox.processes();
        processes::kill(victim);
        match role {
            Role::Coordinator => {
                let said = build.finish(PATIENCE);
                assert_eq!(said.code, None, "it is killed, not ended{replay}");
                sandbox.assert_nothing_runs("the death of the build");
                snapshots.push(attempts(&sandbox, "data"));
                build = go_on(&sandbox);
            }
            _ => {
                let gone = within(ORPHAN_LIMIT, || !sandbox.processes().contains(&victim));
                assert!(gone, "{victim:?} is still there{replay}");
                assert!(
                    !build.is_over(),
                    "the build outlives its {role:?}{replay}\n{}",
                    build.stderr()
                );
                snapshots.push(attempts(&sandbox, "data"));
            }
        }
        if role == Role::Worker {
            // Its runner goes with it; which of the two that was is told by who is left of those that were there.
            let runners =
                |list: &[Process]| list.iter().filter(|process| process.role == Role::Runner).count();
            let before = runners(&others);
            let old = || {
                sandbox
                    .processes()
                    .into_iter()
                    .filter(|process| others.contains(process))
                    .collect::<Vec<_>>()
            };
            let gone = within(ORPHAN_LIMIT, || {
                let left = old();
                let workers = left.iter().filter(|process| process.role == Role::Worker).count();
                before == 0 || runners(&left) <= workers
            });
            assert!(gone, "a runner outlives its worker: {:?}{replay}", old());
        }
    }
    let said = build.finish(PATIENCE).ok();
    assert!(!said.stderr.contains("missing:"), "{}{replay}", said.stderr);
    sandbox.assert_nothing_runs("the end");

    let outcome = Outcome::of(&sandbox, "data");
    assert_eq!(
        outcome.chain, expected.chain,
        "the same trainings with the same results{replay}"
    );
    assert_eq!(outcome.formats, expected.formats, "the same answers{replay}");
    let last = attempts(&sandbox, "data");
    snapshots
        .iter()
        .for_each(|before| assert_never_repeated(before, &last));
    assert_ledger_in_order(&last, "profile");
    let failed = last
        .values()
        .flat_map(|task| &task.attempts)
        .filter(|attempt| !attempt["failure"].is_null());
    let failed = failed.count() as u64;
    assert!(
        (1..=2 * kills).contains(&failed),
        "{failed} attempts failed by {kills} kills of at most two each{replay}"
    );
}

#[test]
fn a_build_stopped_by_ctrl_c_says_so_and_the_same_command_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::long());
    let (said, _) = trainings::stopped(&sandbox, "data", &spec, "base", &[]);
    assert!(
        said.stderr.contains("stopped;") && said.stderr.contains("The same command goes on"),
        "{}",
        said.stderr
    );
    sandbox.assert_nothing_runs("Ctrl-C");

    // What was under way is told as pre-empted, which is nobody's fault.
    let before = attempts(&sandbox, "data");
    let failures: Vec<String> = before
        .values()
        .flat_map(|task| &task.attempts)
        .filter(|attempt| !attempt["failure"].is_null())
        .map(|attempt| attempt["failure"][0].to_string())
        .collect();
    assert!(
        !failures.is_empty() && failures.iter().all(|class| class == "\"preempted\""),
        "{failures:?}"
    );
    let status = sandbox.ask("data", &["status"]).ok().stdout;
    assert!(
        status.contains("no coordinator runs; `imgcalc build SPEC` goes on"),
        "{status}"
    );

    let said = sandbox.built("data", &spec, &[]);
    assert!(said.stderr.contains("going on with build"), "{}", said.stderr);
    let after = attempts(&sandbox, "data");
    assert_never_repeated(&before, &after);
    assert_ledger_in_order(&after, "nothing");
    let log = sandbox.path("data/logs");
    let logs: String = files(&log)
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap_or_default())
        .collect();
    assert!(
        logs.contains("goes on from a checkpoint"),
        "a training under way is not begun anew"
    );
}

#[test]
fn a_cancelled_build_ends_and_goes_on_when_it_is_wanted_again() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::long());
    let build = sandbox.build("data", &spec, &[]);
    let mut epochs = epochs(&sandbox, "base");
    assert!(
        within(PATIENCE, || epochs.done() > 5),
        "trainings start\n{}",
        build.stderr()
    );
    let before = attempts(&sandbox, "data");
    let cancelled = sandbox.ask("data", &["cancel", "tiny"]).ok();
    assert!(
        cancelled.stderr.contains("its results are kept"),
        "{}",
        cancelled.stderr
    );
    let refusal = build.finish(PATIENCE).refused();
    assert!(
        refusal.contains("was cancelled; the same command goes on"),
        "{refusal}"
    );
    sandbox.assert_nothing_runs("a cancelled build");
    let table = sandbox.ask("data", &["ls"]).ok().stdout;
    assert!(table.contains("cancelled"), "{table}");

    sandbox.built("data", &spec, &[]);
    let after = attempts(&sandbox, "data");
    assert_never_repeated(&before, &after);
    assert_ledger_in_order(&after, "nothing");
    // Over is over.
    let refusal = sandbox.ask("data", &["cancel", "tiny"]).refused();
    assert!(refusal.contains("is over already"), "{refusal}");
}

#[test]
fn a_second_build_in_a_data_directory_is_told_who_holds_it() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::long());
    let mut first = sandbox.build("data", &spec, &[]);
    let mut epochs = epochs(&sandbox, "base");
    assert!(
        within(PATIENCE, || epochs.done() > 0),
        "trainings start\n{}",
        first.stderr()
    );
    let refusal = sandbox.build("data", &spec, &[]).finish(PATIENCE).refused();
    assert!(
        refusal.contains(&format!("held by process {}", first.pid())),
        "{refusal}"
    );
    assert!(
        refusal.contains("imgcalc build spec.toml") && refusal.contains("--data-dir"),
        "{refusal}"
    );
    assert!(!first.is_over(), "the first is not disturbed\n{}", first.stderr());

    // Whoever only looks is served by the one that holds it.
    let shown = within(PATIENCE, || {
        let status = sandbox.ask("data", &["status", "--json"]).json();
        assert_eq!(
            (&status["state"], &status["coordinator"]),
            (&"running".into(), &true.into())
        );
        // Between two trainings nothing runs for a moment.
        !list(&status["running"]).is_empty()
    });
    assert!(shown, "something runs\n{}", first.stderr());
    first.kill();
    sandbox.assert_nothing_runs("the death of the first");
}
