//! One build twice: undisturbed, and with processes killed in its middle.

use crate::dice::{Dice, SEED_VARIABLE};
use crate::processes::{self, Role, within};
use crate::profile;
use crate::programs::PATIENCE;
use crate::sandbox::Sandbox;
use crate::spec::Spec;
use serde_json::{Value, json};
use std::time::Duration;

/// Builds once undisturbed and once with every kind of process killed in the middle; `what` of both must be equal.
///
/// # Panics
/// If they are not, or something could not be killed in time.
pub fn assert_kills_change_nothing(spec: &Spec, what: impl Fn(&Value) -> Value) {
    let sandbox = Sandbox::new();
    for base in ["base", "base-again"] {
        sandbox.import_fashion(base, 160);
    }
    profile::made_up(&sandbox, spec, "profile");
    let calm = sandbox.spec("calm.toml", spec);
    sandbox.built("calm", &calm, &["--profile", "profile"]);
    let expected = what(&done(&sandbox, "calm"));
    let results = |base: &str| sandbox.objects(base, "tasks/", ".safetensors").len();
    let all = results("base");

    let mut dice = Dice::thrown();
    let replay = format!("; replay with {SEED_VARIABLE}={}", dice.seed);
    let mut victims = [Role::Runner, Role::Worker, Role::Coordinator];
    dice.shuffle(&mut victims);
    let spec = sandbox.spec("spec.toml", &spec.clone().with("base", "base-again"));
    let start = || sandbox.build("data", &spec, &["--profile", "profile"]);
    let mut build = start();
    for (nth, role) in (0..).zip(victims) {
        let share = (f64::from(nth) + 0.1 + 0.7 * dice.share()) / (victims.len() as f64 + 1.0);
        let moment = (share * all as f64) as usize;
        let there = within(PATIENCE, || results("base-again") >= moment || build.is_over());
        assert!(
            there && !build.is_over(),
            "kill {nth} is too late{replay}\n{}",
            build.stderr()
        );
        std::thread::sleep(Duration::from_millis(dice.below(40)));
        if role == Role::Coordinator {
            build.kill();
            sandbox.assert_nothing_runs("the death of the build");
            build = start();
        } else {
            // It may be between two processes of this kind.
            let mut victim = None;
            within(PATIENCE, || {
                victim = sandbox.a_process(role, &mut dice);
                victim.is_some()
            });
            processes::kill(victim.unwrap_or_else(|| panic!("no {role:?} to kill{replay}")));
        }
    }
    build.finish(PATIENCE).ok();
    sandbox.assert_nothing_runs("the end");
    assert_eq!(what(&done(&sandbox, "data")), expected, "{replay}");
}

/// The status of the latest build of a data directory, which must have done all it wanted.
///
/// # Panics
/// If it has not.
pub fn done(sandbox: &Sandbox, data_dir: &str) -> Value {
    let status = sandbox.ask(data_dir, &["status", "--json"]).json();
    assert_eq!(
        (&status["state"], &status["quarantined"]),
        (&json!("done"), &json!([])),
        "{:.2000}",
        json!([status["search"], status["nets"]]).to_string()
    );
    status
}
