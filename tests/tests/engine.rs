//! What the training engine can do, as builds ask for it: every net, scripts, strategies, precision and batch, weights to
//! start from, and every augmentation through kills.

use image::ImageFormat;
use imgcalc_shared::chain::Strategy;
use imgcalc_tests::answers::{Outcome, list, number, text};
use imgcalc_tests::dice::{Dice, SEED_VARIABLE};
use imgcalc_tests::images;
use imgcalc_tests::processes::{self, Role, within};
use imgcalc_tests::profile;
use imgcalc_tests::programs::{self, PATIENCE, Running};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use imgcalc_tests::trainings::{self, Epochs};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use toml::Table;

/// Nets as TorchScript files with three classes and one channel.
const SCRIPTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../worker/engine/tests/golden/scripts"
);

fn table(text: &str) -> Table {
    text.parse().expect("a table of a spec")
}

/// Imports class folders of made-up images as `photos`.
fn import_photos(sandbox: &Sandbox, base: &str, classes: &[&str], count: u32, more: &[&str]) {
    images::in_classes(
        &sandbox.path(base).with_extension("photos"),
        classes,
        count,
        ImageFormat::Png,
    );
    let (photos, url) = (format!("{base}.photos"), sandbox.url(base));
    let import = ["data", "import", &photos, "--base", &url, "--name", "photos"];
    sandbox.imgcalc(&[&import[..], more].concat()).ok();
}

/// The trainings of a build, all of which it must have done.
fn chain(sandbox: &Sandbox, data_dir: &str) -> Vec<Value> {
    let status = sandbox.ask(data_dir, &["status", "--json"]).json();
    assert_eq!(
        (&status["state"], &status["quarantined"]),
        (&json!("done"), &json!([])),
        "{status}"
    );
    list(&status["chain"])
}

#[test]
fn every_listed_net_is_trained_to_its_end() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 40);
    let nets = sandbox.imgcalc(&["nets", "--json"]).json();
    let nets = list(&nets["nets"]);
    // Measuring them all would take minutes.
    profile::made_up(&sandbox, &Spec::least(), "profile");
    let mut weights = BTreeSet::new();
    for listed in &nets {
        let name = text(&listed["net"], "name");
        let net: Table = serde_json::from_value(listed["net"].clone()).expect("a table");
        let spec = sandbox.spec(&format!("{name}.toml"), &Spec::least().with("net", net));
        let profile = format!("{name}.profile");
        let net = serde_json::from_value(listed["net"].clone()).expect("a net");
        profile::for_net(&sandbox, "profile", &net, &profile);
        let answer = sandbox
            .built(name, &spec, &["--json", "--profile", &profile])
            .json();
        assert_eq!(answer["missing"], json!([]), "{name}");
        assert!(
            number(&list(&answer["baselines"])[0], "accuracy") >= 0.0,
            "{name}: {answer}"
        );
        let chain = chain(&sandbox, name);
        let formats: Vec<&str> = chain.iter().map(|link| text(link, "format")).collect();
        assert_eq!(formats, ["1x1-b8-k2-q50", "1x1-b8-k1-q50"], "{name}");
        assert_eq!(chain[1]["parent"], chain[0]["format"], "{name}");
        for link in &chain {
            assert!((0.0..=1.0).contains(&number(link, "accuracy")), "{name}: {link}");
            assert!(
                weights.insert(text(link, "weights_digest").to_string()),
                "{name}: {link}"
            );
        }
    }
    assert_eq!(weights.len(), 2 * nets.len());
    assert!(nets.len() >= 6, "{nets:?}");
}

#[test]
fn a_script_is_added_listed_and_handed_on_from_size_to_size() {
    let sandbox = Sandbox::new();
    import_photos(
        &sandbox,
        "base",
        &["a", "b", "c"],
        45,
        &["--grey", "--size", "16"],
    );
    let url = sandbox.url("base");
    for name in ["swin", "flat"] {
        let file = format!("{SCRIPTS}/{name}.pt");
        let add = [
            "nets",
            "add",
            &file,
            "--base",
            &url,
            "--name",
            name,
            "--side-max",
            "16",
            "--json",
        ];
        let added = sandbox.imgcalc(&add).json();
        assert_eq!(
            (&added["channels"], &added["classes"]),
            (&json!(1), &json!(3)),
            "{added}"
        );
    }
    let listed = sandbox.imgcalc(&["nets", "--base", &url]).ok().stdout;
    for name in ["swin", "flat"] {
        assert!(listed.lines().any(|line| line.starts_with(name)), "{listed}");
    }
    let of = |script: &str| {
        let net = table(&format!("name = \"torchscript\"\nscript = \"{script}\""));
        Spec::least()
            .with("dataset", "photos")
            .with("net", net)
            .keeping(&[4, 2])
    };

    // So small a rate moves nothing but what is 0: what a link ends with is what it was given.
    let still = of("swin")
        .with("training.learning_rate_transfer", 1e-30)
        .with("training.weight_decay", 0.0);
    let spec = sandbox.spec("spec.toml", &still.with("training.compare", vec!["scratch"]));
    let answer = sandbox.built("data", &spec, &["--json"]).json();
    assert_eq!(answer["missing"], json!([]));
    let chain = chain(&sandbox, "data");
    assert_eq!(chain.len(), 2, "{chain:?}");
    assert_eq!(
        (&chain[0]["format"], &chain[1]["format"]),
        (&json!("1x1-b8-k4-q50"), &json!("1x1-b8-k2-q50"))
    );
    assert_eq!(chain[1]["parent"], chain[0]["format"]);
    let [first, second] = [0, 1].map(|link| {
        let path = sandbox.path("base").join(text(&chain[link], "weights"));
        let mut arrays = trainings::arrays(&path);
        // How inputs are scaled is each format's own.
        arrays.retain(|name, _| !name.starts_with("input."));
        arrays
    });
    assert!(
        first.len() > 40 && first.keys().eq(second.keys()),
        "{:?}",
        second.keys()
    );
    for (name, given) in &first {
        let mut both = given.iter().zip(&second[name]);
        assert!(
            both.all(|(a, b)| (a - b).abs() < 1e-20),
            "{name} is not the parent's"
        );
    }

    // Bound to planes of 8×8.
    let refused = |spec: &Spec| {
        sandbox.spec("bad.toml", spec);
        sandbox.ask("none", &["build", "bad.toml"]).refused()
    };
    let refusal = refused(&of("flat"));
    for part in [
        "space.keeps = 2",
        "1x4x4",
        "images of sides 8",
        "4 with blocks of 8",
        "list = [4]",
    ] {
        assert!(refusal.contains(part), "no {part:?} in\n{refusal}");
    }
    sandbox.spec("flat.toml", &of("flat").keeping(&[4]));
    sandbox.ask("none", &["plan", "flat.toml"]).ok();
    let refusal = refused(&of("vgg"));
    for part in [
        "net.script = \"vgg\"",
        "it holds: flat, swin",
        "imgcalc nets add FILE --base",
        "--name vgg",
    ] {
        assert!(refusal.contains(part), "no {part:?} in\n{refusal}");
    }
    sandbox.import_fashion("base", 40);
    let refusal = refused(&of("swin").with("dataset", "fashion"));
    assert!(
        refusal.contains("3 classes") && refusal.contains("again with --classes 10"),
        "{refusal}"
    );
    import_photos(&sandbox, "base", &["a", "b", "c"], 45, &["--size", "16"]);
    let refusal = refused(&of("swin"));
    assert!(
        refusal.contains("export the net again with --channels 3"),
        "{refusal}"
    );
    assert!(!sandbox.path("none").exists(), "nothing was begun");
}

#[test]
fn strategies_are_trained_side_by_side_and_compared() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 40);
    let own = Strategy::DenseToSparse;
    let others: Vec<&str> = Strategy::ALL
        .map(Strategy::name)
        .into_iter()
        .filter(|&name| name != own.name())
        .collect();
    let spec = Spec::least()
        .keeping(&[3, 2, 1])
        .with("training.strategy", own.name())
        .with("training.compare", others);
    let spec = sandbox.spec("spec.toml", &spec);
    let answer = sandbox
        .built("data", &spec, &["--json", "--report", "report.html"])
        .json();
    assert_eq!(answer["missing"], json!([]));

    let status = sandbox.ask("data", &["status", "--json"]).json();
    assert_eq!(status["strategies"], answer["strategies"]);
    let table = sandbox.ask("data", &["status"]).ok().stdout;
    let html = std::fs::read_to_string(sandbox.path("report.html")).expect("a report");
    assert!(html.contains("Transfer strategies") && html.contains("Strategies compared"));
    let strategies = list(&answer["strategies"]);
    assert_eq!(strategies.len(), Strategy::ALL.len(), "{answer}");
    let format = |keep: u16| json!(format!("1x1-b8-k{keep}-q50"));
    // Who starts from whom, of keeps 3, 2 and 1; 0 is scratch.
    let parents = [[0, 3, 2], [2, 1, 0], [0, 3, 3], [1, 1, 0], [0, 0, 0]];
    for ((facts, strategy), parents) in strategies.iter().zip(Strategy::ALL).zip(parents) {
        assert_eq!(text(facts, "strategy"), strategy.name());
        let trainings = list(&facts["trainings"]);
        assert_eq!(trainings.len(), 3, "{facts}");
        for (keep, parent) in [3, 2, 1].into_iter().zip(parents) {
            let training = trainings
                .iter()
                .find(|training| training["format"] == format(keep));
            let training = training.unwrap_or_else(|| panic!("no keep of {keep} in {facts}"));
            let expected = if parent == 0 { Value::Null } else { format(parent) };
            assert_eq!(training["parent"], expected, "{} of keep {keep}", strategy.name());
        }
        assert!(number(facts, "cost_epochs") > 0.0, "{facts}");
        assert!(table.contains(strategy.words()), "{table}");
        assert!(
            html.contains(&format!("<td class=\"l\">{}</td>", strategy.words())),
            "{}",
            strategy.name()
        );
    }
}

#[test]
fn a_batch_is_measured_in_bf16_and_what_comes_of_it_starts_another_build() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 40);
    let spec = Spec::least()
        .with("training.batch_size", "auto")
        .with("training.precision", "bf16");
    let file = sandbox.spec("spec.toml", &spec);
    let answer = sandbox.built("data", &file, &["--json"]).json();
    assert_eq!(answer["missing"], json!([]));
    let status = sandbox.ask("data", &["status"]).ok().stdout;
    assert!(status.contains("images a step, as measured"), "{status}");
    let first = chain(&sandbox, "data");

    let url = sandbox.url("base");
    let weights = sandbox
        .path("base")
        .join(text(&first[0], "weights"))
        .display()
        .to_string();
    let net = r#"{"name": "small_resnet", "width": 2, "blocks": [1]}"#;
    let add = [
        "weights", "add", &weights, "--base", &url, "--name", "mine", "--net", net, "--json",
    ];
    let added = sandbox.imgcalc(&add).json();
    assert_eq!(added["digest"], first[0]["weights_digest"]);
    let listed = sandbox.imgcalc(&["weights", "--base", &url]).ok().stdout;
    assert!(
        listed.contains("mine") && listed.contains("small_resnet 2 [1]"),
        "{listed}"
    );

    // Only the start differs, and what starts from other weights of the build still does.
    let started = Spec::least().with("training.start", table("weights = \"mine\""));
    for (data_dir, spec) in [("scratch", Spec::least()), ("started", started)] {
        let file = sandbox.spec("next.toml", &spec);
        assert_eq!(
            sandbox.built(data_dir, &file, &["--json"]).json()["missing"],
            json!([])
        );
    }
    let (scratch, started) = (chain(&sandbox, "scratch"), chain(&sandbox, "started"));
    assert_eq!(scratch.len(), started.len());
    for (one, other) in scratch.iter().zip(&started) {
        assert_eq!(
            (&one["format"], &one["parent"]),
            (&other["format"], &other["parent"])
        );
        assert_ne!(one["weights_digest"], other["weights_digest"], "{one}");
    }
    let digest = text(&added, "digest");
    let status = sandbox.ask("started", &["status"]).ok().stdout;
    assert!(status.contains(&format!("weights {}", &digest[..8])), "{status}");

    let wide = table("name = \"small_resnet\"\nwidth = 3\nblocks = [1]");
    let other = Spec::least()
        .with("net", wide)
        .with("training.start", table("weights = \"mine\""));
    sandbox.spec("bad.toml", &other);
    let refusal = sandbox.ask("none", &["build", "bad.toml"]).refused();
    assert!(refusal.contains("training.start.weights = \"mine\""), "{refusal}");
}

/// All that can be done to an image: moves and cuts of one of four blocks, and of the rest so much that a small net still
/// learns something.
const AUGMENT: &str = "horizontal_flip = 0.5\nvertical_flip = 0.5\nrotation = 0.25\ncrop = 0.45\ntranslation = 0.25\n\
                       cutout = 0.25\nbrightness = 0.1\ncontrast = 0.2\nchroma = 0.2";

/// Epochs of every training that is killed.
const EPOCHS: u64 = 40;
/// Two links and the baseline on pixels.
const EPOCHS_ALL: u64 = 3 * EPOCHS;

fn augmented() -> Spec {
    Spec::least()
        .with("dataset", "photos")
        .keeping(&[3, 2])
        .with("net.width", 4)
        .with("training.batch_size", 4)
        .with("training.epochs", EPOCHS as i64)
        .with("training.epochs_transfer", EPOCHS as i64)
        .with("training.train_images", 48)
        .with("training.validation_images", 12)
        .with("training.augment", table(AUGMENT))
}

/// A build of which any step may be the last before a kill, and with `every_step` also leaves a checkpoint.
fn start(sandbox: &Sandbox, every_step: bool) -> Running {
    let words = ["--data-dir", "data", "build", "spec.toml", "--profile", "profile"];
    let mut command = sandbox.command(&words);
    if every_step {
        command.env("IMGCALC_CHECKPOINT_SECONDS_MAX", "0");
    }
    programs::start(&mut command)
}

/// Builds once undisturbed and once killed at random; both must come to the same, bit for bit.
fn assert_kills_change_nothing(spec: &Spec, every_step: bool) {
    let sandbox = Sandbox::new();
    for base in ["base", "base-again"] {
        import_photos(&sandbox, base, &["checks", "stripes"], 60, &["--size", "32"]);
    }
    profile::made_up(&sandbox, spec, "profile");
    let calm = sandbox.spec("calm.toml", spec);
    sandbox.built("calm", &calm, &["--profile", "profile"]);
    let expected = Outcome::of(&sandbox, "calm");
    let weights = trainings::weights(&sandbox, "base");
    assert_eq!((expected.chain.len(), weights.len()), (2, 3), "{weights:?}");
    assert_eq!(list(&expected.chain[1]["curve"]).len() as u64, EPOCHS);

    let mut dice = Dice::thrown();
    let replay = format!("; replay with {SEED_VARIABLE}={}", dice.seed);
    let mut victims = [Role::Runner, Role::Worker, Role::Coordinator];
    dice.shuffle(&mut victims);
    sandbox.spec("spec.toml", &spec.clone().with("base", "base-again"));
    let mut epochs = Epochs::of(&sandbox.path("base-again"), EPOCHS);
    let mut build = start(&sandbox, every_step);
    for (number, role) in (0..).zip(victims) {
        let share = (f64::from(number) + 0.05 + 0.9 * dice.share()) / (victims.len() as f64 + 1.0);
        let moment = (share * EPOCHS_ALL as f64) as u64;
        let there = within(PATIENCE, || epochs.done() >= moment || build.is_over());
        assert!(
            there && !build.is_over(),
            "kill {number} is too late{replay}\n{}",
            build.stderr()
        );
        // Somewhere within an epoch.
        std::thread::sleep(Duration::from_millis(dice.below(40)));
        eprintln!(
            "kill {number}: {role:?} after {} of {EPOCHS_ALL} epochs{replay}",
            epochs.done()
        );
        if role == Role::Coordinator {
            let said = build.kill();
            assert_eq!(said.code, None, "it is killed, not ended{replay}");
            sandbox.assert_nothing_runs("the death of the build");
            build = start(&sandbox, every_step);
        } else {
            let victim = sandbox.a_process(role, &mut dice);
            processes::kill(victim.unwrap_or_else(|| panic!("no {role:?} to kill{replay}")));
        }
    }
    build.finish(PATIENCE).ok();
    sandbox.assert_nothing_runs("the end");
    let outcome = Outcome::of(&sandbox, "data");
    assert_eq!(outcome.chain, expected.chain, "the same trainings{replay}");
    assert_eq!(outcome.formats, expected.formats, "the same answers{replay}");
    assert_eq!(
        trainings::weights(&sandbox, "base-again"),
        weights,
        "the same weights{replay}"
    );
    let logs = sandbox.ask("data", &["logs"]).ok().stdout;
    assert!(
        logs.contains("goes on from a checkpoint"),
        "nothing was begun anew{replay}\n{logs}"
    );
}

#[test]
fn adamw_with_every_augmentation_ends_alike_whatever_is_killed() {
    let spec = augmented()
        .with("training.optimizer", "adamw")
        .with("training.learning_rate", 0.005)
        .with("training.warmup_epochs", 3)
        .with("training.label_smoothing", 0.1);
    assert_kills_change_nothing(&spec, false);
}

#[test]
fn sgd_with_every_augmentation_ends_alike_whatever_is_killed_between_two_steps() {
    let schedule = table("step = { every = 15, factor = 0.3 }");
    let spec = augmented()
        .with("training.learning_rate", 0.03)
        .with("training.schedule", schedule);
    assert_kills_change_nothing(&spec, true);
}
