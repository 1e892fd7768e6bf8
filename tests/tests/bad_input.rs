//! What is wrong is named, before anything is spent on it where that can be; damage never passes for data.

use imgcalc_tests::answers::{Outcome, attempts};
use imgcalc_tests::dice::{Dice, SEED_VARIABLE};
use imgcalc_tests::profile;
use imgcalc_tests::programs::PATIENCE;
use imgcalc_tests::sandbox::{Sandbox, files, flip, truncate};
use imgcalc_tests::spec::Spec;
use imgcalc_tests::trainings;
use std::path::Path;
use toml::Value;

const IMAGES: u32 = 1000;

/// Everything the logs of a data directory say.
fn logs(sandbox: &Sandbox, data_dir: &str) -> String {
    let logs = files(&sandbox.path(data_dir).join("logs"));
    logs.iter()
        .map(|file| std::fs::read_to_string(file).unwrap_or_default())
        .collect()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_spec_that_cannot_be_built_names_field_value_and_what_is_allowed() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 500);
    let list = |numbers: &[i64]| Value::from(numbers.to_vec());
    let table = |text: &str| Value::Table(text.parse().unwrap());
    let cases: Vec<(&str, Value, &[&str])> = vec![
        (
            "training.epoch",
            3.into(),
            &["line ", "epoch", "epochs_transfer", "learning_rate"],
        ),
        ("colour", true.into(), &["line ", "colour", "dataset", "training"]),
        ("training.epochs", "many".into(), &["line ", "epochs", "many"]),
        ("training.epochs", 0.into(), &["training.epochs = 0", "from 1 to"]),
        (
            "training.learning_rate",
            Value::from(-0.5),
            &["training.learning_rate = -0.5", "above 0"],
        ),
        (
            "training.train_images",
            401.into(),
            &["training.train_images = 401", "\"fashion\" has 400"],
        ),
        (
            "training.validation_images",
            101.into(),
            &["training.validation_images = 101", "has 100"],
        ),
        (
            "training.preset",
            "imagenet".into(),
            &["line ", "imagenet", "sigmod24", "small-images"],
        ),
        ("training.batch_size", "big".into(), &["line ", "or \"auto\""]),
        (
            "training.compare",
            Value::from(vec!["dense_to_sparse"]),
            &["training.compare = \"dense_to_sparse\"", "sparse_to_dense"],
        ),
        (
            "training.augment",
            table("horizontal_flip = 2.0"),
            &["training.augment.horizontal_flip = 2", "from 0 to 1"],
        ),
        (
            "training.augment",
            table("chroma = 0.2"),
            &[
                "training.augment.chroma = 0.2",
                "1-channel images have no colour",
                "set it to 0",
            ],
        ),
        (
            "training.augment",
            table("translation = 0.2"),
            &[
                "training.augment.translation = 0.2",
                "4 × 4 blocks of format 1x1-b8-",
                "use 0 or at least 0.25",
            ],
        ),
        (
            "training.start",
            table("weights = \"imagenet\""),
            &[
                "training.start.weights = \"imagenet\"",
                "it holds no weights",
                "imgcalc weights add FILE --base",
                "--name imagenet",
            ],
        ),
        (
            "net",
            table("name = \"torchscript\"\nscript = \"swin\""),
            &[
                "net.script = \"swin\"",
                "it holds no script",
                "imgcalc nets add FILE --base",
                "--name swin",
            ],
        ),
        (
            "space.preset",
            "sigmod".into(),
            &["space.preset = \"sigmod\"", "sigmod24, sigmod24-whole"],
        ),
        (
            "space.blocks",
            list(&[12]),
            &["space.blocks = 12", "8, 16, 32, 64, 128, 256"],
        ),
        ("space.blocks", list(&[256]), &["space = ", "32x32", "256"]),
        ("space.samplings", Value::from(vec!["3x3"]), &["3x3", "2x2-r"]),
        ("space.quants", list(&[0]), &["space.quants = 0", "from 1 to"]),
        ("net.name", "vgg".into(), &["vgg", "small_resnet"]),
        ("net.width", 0.into(), &["net.width = 0", "from 1 to 512"]),
        (
            "buckets.sampled",
            5.into(),
            &["buckets.sampled = 5", "from 1 to 4"],
        ),
        (
            "profile.jpeg_qualities",
            list(&[101]),
            &["profile.jpeg_qualities = 101", "from 1 to 100"],
        ),
        (
            "profile.hardware",
            "abacus".into(),
            &["profile.hardware = \"abacus\"", "--profile"],
        ),
        ("workers.threads", 0.into(), &["workers.threads = 0", "from 1 to"]),
        (
            "dataset",
            "cifar".into(),
            &["dataset = \"cifar\"", "it holds: fashion", "imgcalc data import"],
        ),
        (
            "base",
            "nowhere".into(),
            &["dataset = \"fashion\"", "nowhere", "it holds no dataset"],
        ),
        ("name", "../x".into(), &["name = ../x", "letters"]),
    ];
    for (field, value, said) in cases {
        sandbox.spec("bad.toml", &Spec::tiny().with(field, value.clone()));
        let refusal = sandbox.ask("data", &["build", "bad.toml"]).refused();
        for part in said {
            assert!(
                refusal.contains(part),
                "{field} = {value}: no {part:?} in\n{refusal}"
            );
        }
    }
    let refusal = sandbox.ask("data", &["build", "absent.toml"]).refused();
    assert!(refusal.contains("cannot read the spec absent.toml"), "{refusal}");
    assert!(!sandbox.path("data").exists(), "nothing was begun");
    assert!(
        !sandbox.path("base/tasks").exists() && !sandbox.path("base/columns").exists(),
        "nothing was made"
    );
    assert!(
        !sandbox.path("nowhere").exists(),
        "a base that is only asked for is not made"
    );
}

#[test]
fn a_time_budget_that_nothing_fits_is_refused_before_anything_is_trained() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 500);
    let spec = sandbox.spec("spec.toml", &Spec::tiny().with("answer.times_us", vec![0.001]));
    let refusal = sandbox.build("data", &spec, &[]).finish(PATIENCE).refused();
    for part in ["the build cannot be done", "answer.times_us", "0.001", "µs"] {
        assert!(refusal.contains(part), "no {part:?} in\n{refusal}");
    }
    assert_eq!(
        sandbox.objects("base", "tasks/", ".safetensors"),
        Vec::<std::path::PathBuf>::new()
    );
    let all = attempts(&sandbox, "data");
    assert!(
        !all.is_empty() && all.values().all(|task| task.what.starts_with("profile")),
        "{all:?}"
    );
    let table = sandbox.ask("data", &["ls"]).ok().stdout;
    assert!(table.contains("refused"), "{table}");
}

#[test]
fn a_damaged_manifest_is_named_by_everyone_who_reads_it() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 500);
    sandbox.spec("spec.toml", &Spec::tiny());
    let url = sandbox.url("base");
    let readers: [&[&str]; 3] = [
        &["--data-dir", "data", "build", "spec.toml"],
        &["plan", "spec.toml"],
        &["inspect", "fashion", "--base", &url],
    ];
    for (object, key) in [
        ("/manifest", "/manifest"),
        ("names/fashion", "datasets/names/fashion"),
    ] {
        let path = sandbox.object("base", "datasets/", object);
        let intact = std::fs::read(&path).unwrap();
        let last = intact.len();
        let mut damages: Vec<Box<dyn Fn()>> = vec![
            Box::new(|| truncate(&path, 0)),
            Box::new(|| truncate(&path, last as u64 / 2)),
            Box::new(|| truncate(&path, last as u64 - 1)),
        ];
        for at in [0, last / 3, last / 2, last - 2] {
            let path = &path;
            damages.push(Box::new(move || flip(path, at)));
        }
        for (number, damage) in damages.iter().enumerate() {
            damage();
            for reader in readers {
                let refusal = sandbox.imgcalc(reader).refused();
                assert!(
                    refusal.contains(key),
                    "damage {number}: {reader:?} does not name {key}:\n{refusal}"
                );
            }
            std::fs::write(&path, &intact).unwrap();
        }
    }
    assert!(
        !sandbox.path("data").exists() && !sandbox.path("base/tasks").exists(),
        "nothing was begun"
    );
    sandbox.imgcalc(&["plan", "spec.toml"]).ok();
}

#[test]
fn damaged_columns_cost_the_trainings_that_need_them_and_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    // Formats of both families are sampled in the first round.
    profile::made_up(&sandbox, &Spec::tiny(), "profile");
    let recorded = ["--profile", "profile"];
    // All columns are made for an earlier build, which ends well.
    sandbox.spec("earlier.toml", &Spec::tiny().with("name", "earlier"));
    sandbox.built("data", "earlier.toml", &recorded);
    sandbox.spec("spec.toml", &Spec::tiny().with("training.epochs", 3));
    let path = sandbox.object("base", "columns/", "4x4-b8-k8-q50/rg-00000");
    let inspect = || sandbox.imgcalc(&["inspect", &text(&path), "--json"]);
    let first_chunk = inspect().json()["anti-diagonals"][0]["bytes"].as_u64().unwrap();
    flip(&path, first_chunk as usize / 2);
    let refusal = inspect().refused();
    assert!(
        refusal.contains("4x4-b8-k8-q50/rg-00000") && refusal.contains("damaged"),
        "{refusal}"
    );

    let said = sandbox.built("data", "spec.toml", &["--profile", "profile", "--json"]);
    assert!(
        said.stderr.contains("missing") || said.stdout.contains("missing"),
        "{}",
        said.stderr
    );
    let answer = said.clone().json();
    let missing = answer["missing"].as_array().unwrap();
    let sparse = |text: &serde_json::Value| text.as_str().unwrap().starts_with("the training of 4x4-b8-k");
    assert!(!missing.is_empty() && missing.iter().all(sparse), "{answer}");

    let all = attempts(&sandbox, "data");
    let quarantined: Vec<_> = all
        .values()
        .filter(|task| task.standing == "quarantined")
        .collect();
    assert_eq!(quarantined.len(), missing.len(), "{quarantined:?}");
    for task in quarantined {
        assert!(task.what.contains("4x4-b8"), "{task:?}");
        let last = task.attempts.last().unwrap()["failure"].clone();
        assert_eq!(last[0], "bad_data", "{task:?}");
        let why = last[1].as_str().unwrap();
        assert!(
            why.contains("4x4-b8-k8-q50/rg-00000") && why.contains("damaged"),
            "{task:?}"
        );
    }
    // What does not need them is trained and answered for.
    let status = sandbox.ask("data", &["status", "--json"]).json();
    let chain = status["chain"].as_array().unwrap();
    let dense = |link: &serde_json::Value| link["format"].as_str().unwrap().starts_with("1x1-b8");
    assert!(!chain.is_empty() && chain.iter().all(dense), "{status}");
    let formats = sandbox.ask("data", &["explore", "--all", "--json"]).json();
    assert_eq!(formats.as_array().unwrap().len(), 16, "the others are predicted");
}

#[test]
fn a_damaged_ledger_is_refused_and_left_as_it_is() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", 500);
    sandbox.spec("spec.toml", &Spec::tiny());
    sandbox.built("data", "spec.toml", &[]);
    let whole = sandbox.ask("data", &["status", "--json"]).json();
    let folder = sandbox.path("data/ledger");
    let mut segments: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("segment-"))
        .collect();
    segments.sort();
    let ledger = segments.pop().expect("a ledger has a segment");
    let intact = std::fs::read(&ledger).unwrap();
    let length = intact.len() as u64;
    // It is made long enough beforehand, so that any other length tells.
    for cut in [0, 1, 4096, length / 2, length - 1] {
        truncate(&ledger, cut);
        let damaged = std::fs::read(&ledger).unwrap();
        let asks: [&[&str]; 3] = [&["build", "spec.toml"], &["status"], &["explore", "tiny"]];
        for ask in asks {
            let refusal = sandbox.ask("data", ask).refused();
            assert!(
                refusal.contains("segment-") && refusal.contains("damaged"),
                "{cut}: {refusal}"
            );
        }
        assert!(std::fs::read(&ledger).unwrap() == damaged, "cut off at {cut}");
        std::fs::write(&ledger, &intact).unwrap();
    }
    // Wherever a bit turns over among what was written, it is refused or makes no difference.
    let written = intact.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
    let mut dice = Dice::thrown();
    for _ in 0..40 {
        std::fs::write(&ledger, &intact).unwrap();
        let at = dice.below(written) as usize;
        flip(&ledger, at);
        let said = sandbox.ask("data", &["status", "--json"]);
        let replay = format!("byte {at} of {written}, {SEED_VARIABLE}={}", dice.seed);
        match said.code {
            Some(0) => assert_eq!(said.json(), whole, "{replay}"),
            _ => assert!(said.refused().contains("segment-"), "{replay}"),
        }
    }
    std::fs::write(&ledger, &intact).unwrap();
    let said = sandbox.built("data", "spec.toml", &[]);
    assert!(said.stderr.contains("going on with"), "{}", said.stderr);
}

#[test]
fn a_damaged_checkpoint_is_told_of_and_costs_time_only() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("calm-base", IMAGES);
    // Few trainings, and long ones: one of them has to be met in its middle.
    let few = Spec::long()
        .with("buckets.sampled", 2)
        .with("buckets.formats_per_bucket", 1)
        .with("training.epochs", 100);
    let calm = few.clone().with("base", "calm-base");
    profile::made_up(&sandbox, &calm, "profile");
    let recorded = ["--profile", "profile"];
    sandbox.spec("calm.toml", &calm);
    sandbox.built("calm", "calm.toml", &recorded);

    sandbox.import_fashion("base", IMAGES);
    sandbox.spec("spec.toml", &few);
    let (_, checkpoints) = trainings::stopped(&sandbox, "data", "spec.toml", "base", &recorded);
    for (number, checkpoint) in checkpoints.iter().enumerate() {
        let length = std::fs::metadata(checkpoint).unwrap().len();
        if number % 2 == 0 {
            flip(checkpoint, length as usize * 2 / 3);
        } else {
            truncate(checkpoint, length / 2);
        }
    }
    sandbox.built("data", "spec.toml", &recorded);
    let logs = logs(&sandbox, "data");
    let warned = logs
        .lines()
        .filter(|line| line.contains("cannot go on from a checkpoint"));
    let warned: Vec<&str> = warned.collect();
    for checkpoint in &checkpoints {
        let name = checkpoint
            .strip_prefix(sandbox.path("base"))
            .unwrap()
            .display()
            .to_string();
        assert!(
            warned.iter().any(|line| line.contains(&name)),
            "nothing said of {name}:\n{logs}"
        );
    }
    assert_eq!(Outcome::of(&sandbox, "data"), Outcome::of(&sandbox, "calm"));
}
