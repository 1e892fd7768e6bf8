//! A bucket that was predicted is measured: refinements of builds that are done, that run, and that are killed.

use imgcalc_tests::answers::{Outcome, assert_never_repeated, attempts, list, number, text};
use imgcalc_tests::processes::within;
use imgcalc_tests::profile;
use imgcalc_tests::programs::{self, PATIENCE, Running};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::{LONG_EPOCHS_TRANSFER, Spec};
use imgcalc_tests::trainings::Epochs;
use serde_json::{Value, json};

const IMAGES: u32 = 1000;
/// Links of the tiny spec's chain.
const LINKS: usize = 6;
/// Formats of each of its buckets.
const INSIDE: usize = 4;

fn buckets(sandbox: &Sandbox, data_dir: &str) -> Vec<Value> {
    list(&sandbox.ask(data_dir, &["explore", "--buckets", "--json"]).json())
}

/// The bucket that the tiny build does not sample.
fn unsampled(buckets: &[Value]) -> usize {
    let mut unsampled = (0..buckets.len()).filter(|&at| buckets[at]["round"].is_null());
    let found = unsampled.next().expect("three of four buckets are sampled");
    assert_eq!(unsampled.next(), None, "{buckets:?}");
    found
}

fn id(sandbox: &Sandbox, data_dir: &str) -> String {
    let builds = list(&sandbox.ask(data_dir, &["ls", "--json"]).json());
    assert_eq!(builds.len(), 1);
    text(&builds[0], "id").into()
}

#[test]
fn an_unsampled_bucket_is_measured_where_it_was_predicted() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::tiny());
    sandbox.built("data", &spec, &[]);
    let before = buckets(&sandbox, "data");
    let at = unsampled(&before);
    let (bucket, id) = (at.to_string(), id(&sandbox, "data"));
    let inside = || -> Vec<Value> {
        let mut all = list(&sandbox.ask("data", &["explore", "--all", "--json"]).json());
        all.retain(|candidate| candidate["bucket"] == at);
        assert_eq!(all.len(), INSIDE);
        all
    };
    assert!(inside().iter().all(|candidate| candidate["measured"] == false));
    let chain = || list(&sandbox.ask("data", &["status", "--json"]).json()["chain"]);
    let chain_before = chain();
    assert_eq!(chain_before.len(), LINKS);
    refuses(&sandbox, &before);

    let refine = |more: &[&str]| {
        let asked = [&["refine", "tiny", "--bucket", &bucket], more].concat();
        sandbox.ask("data", &asked)
    };
    let said = refine(&["--formats", "all", "--json", "--report", "own.html"]);
    assert!(said.stderr.contains("of the chain"), "progress:\n{}", said.stderr);
    let change = said.json();
    assert!(sandbox.path("own.html").is_file());
    assert_eq!(
        (
            &change["build"],
            &change["bucket"],
            &change["trained_before"],
            &change["trained"]
        ),
        (&json!(id), &json!(at), &json!(0), &json!(INSIDE))
    );
    assert_eq!(
        (&change["best_before"]["measured"], &change["best"]["measured"]),
        (&json!(false), &json!(true))
    );
    sandbox.assert_nothing_runs("a finished refinement");

    // What explore says is measured now, and the best of it is what the refinement told.
    let now = inside();
    assert!(
        now.iter().all(|candidate| candidate["measured"] == true),
        "{now:?}"
    );
    let best = now
        .iter()
        .map(|candidate| number(candidate, "accuracy"))
        .fold(0.0, f64::max);
    assert_eq!(number(&change["best"], "accuracy"), best);
    let after = buckets(&sandbox, "data");
    assert_eq!(
        (
            &after[at]["trained"],
            &after[at]["best_measured"],
            &after[at]["round"],
            &after[at]["refined"]
        ),
        (&json!(INSIDE), &json!(best), &json!(3), &json!(3))
    );
    // All else is as it was, its name too.
    let chain_now = chain();
    assert_eq!(chain_now[..LINKS], chain_before[..]);
    assert_eq!(chain_now.len(), LINKS + INSIDE);
    assert_eq!(self::id(&sandbox, "data"), id);

    // Asked for again, and by the build's own command, nothing is done.
    let tried = attempts(&sandbox, "data");
    let table = refine(&["--formats", "all"]).ok().stdout;
    assert!(
        table.contains(&format!("bucket {at}")) && table.contains("baseline"),
        "{table}"
    );
    let refusal = refine(&["--formats", "5"]).refused();
    assert!(
        refusal.contains("all 4 formats") && refusal.contains("nothing in it is predicted"),
        "{refusal}"
    );
    let again = sandbox.built("data", &spec, &[]);
    assert!(
        again.stderr.contains(&format!("going on with build {id}")),
        "{}",
        again.stderr
    );
    assert_eq!(attempts(&sandbox, "data"), tried);
    assert_eq!(buckets(&sandbox, "data"), after);
}

/// What cannot be refined is said, and nothing changes.
fn refuses(sandbox: &Sandbox, before: &[Value]) {
    let sampled = (0..before.len()).find(|&at| !before[at]["round"].is_null());
    let sampled = sampled.expect("some bucket is sampled").to_string();
    let cases: [(&[&str], &str); 5] = [
        (&["tiny", "--bucket", "4"], "there is no bucket 4: build tiny-"),
        (&["tiny", "--bucket", "4"], "explore tiny-"),
        (&["tiny", "--bucket", &sampled], "2 of the 4 formats of bucket"),
        (&["tiny", "--bucket", &sampled, "--formats", "1"], "--formats all"),
        (&["other", "--bucket", "0"], "there is no build \"other\""),
    ];
    for (asked, why) in cases {
        let refusal = sandbox.ask("data", &[&["refine"], asked].concat()).refused();
        assert!(refusal.contains(why), "{asked:?}: {refusal}");
    }
    for formats in ["0", "some", "-1", "65536"] {
        let formats = format!("--formats={formats}");
        let said = sandbox.ask("data", &["refine", "tiny", "--bucket", &sampled, &formats]);
        assert_eq!(said.code, Some(2), "{}", said.stderr);
        assert!(said.stderr.contains("or all"), "{}", said.stderr);
    }
    let table = sandbox.ask("data", &["explore", "--buckets"]).ok().stdout;
    assert!(
        table.contains("best measured") && table.lines().count() == 1 + before.len(),
        "{table}"
    );
    assert_eq!(buckets(sandbox, "data"), before);
}

#[test]
fn a_refinement_that_is_killed_ends_like_one_asked_for_while_the_build_ran() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    profile::made_up(&sandbox, &Spec::long(), "profile");
    let spec = sandbox.spec("calm.toml", &Spec::long());
    let recorded = ["--profile", "profile"];
    let most = u64::from(LONG_EPOCHS_TRANSFER);

    // In one go, asked for while the chain is under way: the coordinator that runs takes it.
    let mut running = sandbox.build("calm", &spec, &recorded);
    let mut epochs = Epochs::of(&sandbox.path("base"), most);
    assert!(within(PATIENCE, || epochs.done() > 0), "{}", running.stderr());
    let at = unsampled_of(&sandbox, &mut running);
    let bucket = at.to_string();
    let asked = ["refine", "tiny", "--bucket", &bucket, "--formats", "3"];
    let said = sandbox.ask("calm", &asked).ok();
    let id = id(&sandbox, "calm");
    assert_eq!(said.stdout.trim(), id);
    running.finish(PATIENCE).ok();
    let expected = Outcome::of(&sandbox, "calm");
    assert_eq!(expected.chain.len(), LINKS + 3);

    // The same of a build that was done, killed in the middle.
    sandbox.import_fashion("base-again", IMAGES);
    sandbox.spec("spec.toml", &Spec::long().with("base", "base-again"));
    sandbox.built("data", "spec.toml", &recorded);
    assert_eq!(
        self::id(&sandbox, "data"),
        id,
        "neither data nor a refinement changes its name"
    );
    assert_eq!(unsampled(&buckets(&sandbox, "data")), at);
    let mut epochs = Epochs::of(&sandbox.path("base-again"), most);
    let refine = || programs::start(&mut sandbox.command(&[&["--data-dir", "data"], &asked[..]].concat()));
    let before = epochs.done();
    let mut killed = refine();
    // One of the three is done, and the next under way.
    let there = within(PATIENCE, || epochs.done() > before + most + 3 || killed.is_over());
    assert!(there && !killed.is_over(), "too late\n{}", killed.stderr());
    killed.kill();
    sandbox.assert_nothing_runs("the death of a refinement");
    let snapshot = attempts(&sandbox, "data");
    let status = sandbox.ask("data", &["status", "--json"]).json();
    assert_eq!(
        (&status["build"], &status["state"]),
        (&json!(id), &json!("running")),
        "what was asked for is there"
    );
    assert!(
        (LINKS..LINKS + 3).contains(&list(&status["chain"]).len()),
        "{status}"
    );

    let said = refine().finish(PATIENCE).ok();
    assert!(said.stdout.contains("3/4"), "{}", said.stdout);
    assert_never_repeated(&snapshot, &attempts(&sandbox, "data"));
    assert_eq!(Outcome::of(&sandbox, "data"), expected);
    assert_eq!(self::id(&sandbox, "data"), id);
}

/// The bucket a running build will not sample, as it will be known: with times made up it is the same each time.
fn unsampled_of(sandbox: &Sandbox, running: &mut Running) -> usize {
    // Both ends are the first round, the middle between them the second.
    let known = within(PATIENCE, || {
        let sampled = buckets(sandbox, "calm");
        sampled
            .iter()
            .filter(|bucket| bucket["round"].is_number())
            .count()
            == 3
            || running.is_over()
    });
    assert!(known && !running.is_over(), "{}", running.stderr());
    unsampled(&buckets(sandbox, "calm"))
}
