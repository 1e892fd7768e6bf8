//! `nets` and `weights`, and trainings of what they put into a base.

mod agent_support;

use agent_support::{PROGRAM, World};
use imgcalc_shared::dataset::ObjectRef;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::net::{ScriptFacts, Sides, WeightsFacts, open_script, open_weights};
use imgcalc_shared::net::{script_key, script_name_key, weights_file_key, weights_name_key};
use imgcalc_shared::task::{FailureClass, Input, Outcome, Start, Task, Trained};
use imgcalc_shared::training::{InputShape, Net};
use imgcalc_worker::data::Base;
use imgcalc_worker::failure::Failure;
use imgcalc_worker::stages::{self, Attempt, Cadence, Context, Observer, Progress};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

struct Quiet;

impl Observer for Quiet {
    fn progress(&mut self, _: &Progress) {}

    fn should_stop(&self) -> bool {
        false
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("engine/tests/golden/scripts/{name}.pt"))
}

fn tool(words: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.env("OMP_NUM_THREADS", "1").args(words).output().unwrap()
}

fn stdout(words: &[&str]) -> String {
    let output = tool(words);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {log}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(words: &[&str]) -> Value {
    serde_json::from_str(&stdout(&[words, &["--json"]].concat())).unwrap()
}

fn refused(words: &[&str]) -> String {
    let output = tool(words);
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn add_script(url: &str, name: &str) -> Value {
    let file = fixture(name);
    let words = [
        "nets",
        "add",
        file.to_str().unwrap(),
        "--base",
        url,
        "--name",
        name,
    ];
    json(&[&words[..], &["--side-max", "20"]].concat())
}

fn script(base: &Base, name: &str) -> ScriptFacts {
    open_script(&base.get(&script_name_key(name)).unwrap()).unwrap()
}

fn run(context: &mut Context, task: &Task, weights: Option<&ObjectRef>) -> Result<Outcome, Failure> {
    let attempt = Attempt { token: 1, weights };
    stages::run(task, attempt, context, &mut Quiet)
}

fn trained(context: &mut Context, task: &Task, weights: Option<&ObjectRef>) -> Trained {
    match run(context, task, weights) {
        Ok(Outcome::Train(trained)) => trained,
        other => panic!("{other:?}"),
    }
}

fn context(world: &World) -> Context {
    let cadence = Cadence {
        min: Duration::from_secs(60),
        max: Duration::from_secs(60),
    };
    Context::new(world.base.clone(), 1, cadence)
}

/// The training of a world with another net, input and start.
fn training(world: &World, of: &Net, format: &str, from: Start) -> Task {
    let mut task = world.training(2);
    if let Task::Train {
        net, input, start, ..
    } = &mut task
    {
        *net = of.clone();
        *input = Input::Format(format.parse().unwrap());
        *start = from;
    }
    task
}

#[test]
fn built_in_nets_are_listed_with_what_they_cost() {
    let list = json(&["nets", "--size", "4x224", "--channels", "1", "--classes", "10"]);
    let nets = list["nets"].as_array().unwrap();
    let names: Vec<&str> = nets
        .iter()
        .map(|row| row["net"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "small_resnet",
            "resnet_like",
            "mobile_like",
            "resnet18",
            "resnet50",
            "mobilenet_v3_small",
            "efficientnet_b3",
            "shufflenet_v2_x1_0"
        ]
    );
    assert!(nets.iter().all(|row| row["flops"].as_u64().unwrap() > 0));
    assert!(list.get("scripts").is_none());
    let text = stdout(&["nets", "--size", "224"]);
    let line = text.lines().find(|line| line.starts_with("resnet18")).unwrap();
    // Two operations for each of the published 1.814 G multiply-adds.
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["resnet18", "11689512", "3628.1", "1"]
    );
    let line = text.lines().find(|line| line.starts_with("mobile_like")).unwrap();
    assert!(
        line.contains("(stem = 16, stages = w16-d1-k3-e4 w32-d1-k3-e4 w64-d1-k3-e4)"),
        "{line}"
    );
    assert!(refused(&["nets", "--channels", "0"]).contains("at least one channel"));
}

#[test]
fn a_script_is_tried_stored_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let base = Base::open(&url).unwrap();
    let swin = add_script(&url, "swin");
    assert_eq!((&swin["channels"], &swin["classes"]), (&1.into(), &3.into()));
    let facts = script(&base, "swin");
    assert_eq!(facts.sides, [Sides { first: 2, last: 20 }]);
    let bytes = base.get(&script_key(&facts.digest)).unwrap();
    assert_eq!(bytes, std::fs::read(fixture("swin")).unwrap());
    assert_eq!(
        (facts.digest, facts.bytes),
        (Digest::of(&bytes), bytes.len() as u64)
    );

    add_script(&url, "flat");
    let flat = script(&base, "flat");
    assert_eq!(flat.sides, [Sides { first: 8, last: 8 }]);
    assert_eq!(flat.parameters, 64 * 3 + 3);

    let text = stdout(&["nets", "--base", &url]);
    let line = text.lines().find(|line| line.starts_with("swin")).unwrap();
    assert!(
        line.contains("2-20") && line.contains(&facts.digest.short()),
        "{line}"
    );
    // A damaged name is told of and does not hide the others.
    base.put(&script_name_key("broken"), "x").unwrap();
    let output = tool(&["nets", "--base", &url, "--json"]);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list["scripts"].as_array().unwrap().len(), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("nets/names/broken"));
}

#[test]
fn a_script_that_cannot_be_trained_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let add = |name: &str, more: &[&str]| {
        let file = fixture(name);
        let words = [
            "nets",
            "add",
            file.to_str().unwrap(),
            "--base",
            &url,
            "--name",
            "n",
        ];
        refused(&[&words[..], &["--side-max", "9"], more].concat())
    };
    assert!(add("bad_traced", &[]).contains("export_net.py"));
    assert!(add("bad_half", &[]).contains("is Half"));
    assert!(add("replaces", &[]).contains("replaces `mean`"));
    assert!(add("flat", &["--channels", "2"]).contains("takes no square images of [2] channels"));
    assert!(add("no_such_file", &[]).contains("cannot be read"));
    let file = fixture("flat");
    let words = [
        "nets",
        "add",
        file.to_str().unwrap(),
        "--base",
        &url,
        "--name",
        "../n",
    ];
    assert!(refused(&words).contains("is no name"));
    assert_eq!(Base::open(&url).unwrap().list("nets").unwrap(), []);
}

#[test]
fn a_script_is_measured_and_trained_through_formats_of_two_sizes() {
    let world = World::new();
    add_script(&world.url(), "swin");
    let net = script(&world.base, "swin").net();
    let mut context = context(&world);
    // Images of 16 × 16 and of 8 × 8 values.
    let dense = training(&world, &net, "1x1-b8-k4-q20", Start::Scratch);
    let first = trained(&mut context, &dense, None);
    let sparse = training(&world, &net, "1x1-b8-k2-q20", Start::Weights(dense.id()));
    let second = trained(&mut context, &sparse, Some(&first.weights));
    assert_eq!((first.curve.len(), second.curve.len()), (2, 2));
    assert_ne!(first.weights.digest, second.weights.digest);
    // Handed over, not begun anew.
    let scratch = training(&world, &net, "1x1-b8-k2-q20", Start::Scratch);
    assert_ne!(
        trained(&mut context, &scratch, None).weights.digest,
        second.weights.digest
    );

    let measure = |side| Task::ProfileExecute {
        net: net.clone(),
        shape: InputShape {
            channels: 1,
            height: side,
            width: side,
        },
        classes: 3,
        batch: 2,
        hardware: "test".into(),
    };
    let Ok(Outcome::ProfileExecute(profile)) = run(&mut context, &measure(8), None) else {
        panic!("no profile");
    };
    assert_eq!(profile.parameters, script(&world.base, "swin").parameters);
    assert_eq!(
        run(&mut context, &measure(1), None).unwrap_err().class,
        FailureClass::BadData
    );

    let key = script_key(&script(&world.base, "swin").digest);
    world.base.put(&key, "other bytes").unwrap();
    let failure = run(&mut context, &measure(8), None).unwrap_err();
    assert!(
        failure.class == FailureClass::BadData && failure.message.contains("damaged"),
        "{failure}"
    );
    world.base.delete(&key).unwrap();
    let failure = run(&mut context, &measure(8), None).unwrap_err();
    assert!(failure.message.contains("nets add"), "{failure}");
}

#[test]
fn weights_are_put_into_a_base_and_trained_from() {
    let world = World::new();
    let mut context = context(&world);
    let Task::Train { net, .. } = world.training(2) else {
        panic!("no training");
    };
    let first = trained(&mut context, &world.training(2), None);
    let file = world.folder.path().join("first.safetensors");
    std::fs::write(&file, world.base.get(&first.weights.key).unwrap()).unwrap();
    let (file, url) = (file.to_str().unwrap(), world.url());
    let text = serde_json::to_string(&net).unwrap();
    let add = |net: &str| {
        let words = [
            "weights", "add", file, "--base", &url, "--name", "w", "--net", net,
        ];
        words.map(str::to_string)
    };
    let words = |net: &str| -> Vec<String> { add(net).into() };
    let good = words(&text);
    let added = json(&good.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(added["digest"], first.weights.digest.to_string());
    let facts: WeightsFacts = open_weights(&world.base.get(&weights_name_key("w")).unwrap()).unwrap();
    assert_eq!((&facts.net, facts.channels, facts.classes), (&net, 1, 3));
    assert!(stdout(&["weights", "--base", &url]).contains("small_resnet 4 [1, 1]"));

    let start = Start::File(facts.digest);
    let task = training(&world, &net, "1x1-b8-k4-q20", start);
    let second = trained(&mut context, &task, None);
    assert_ne!(second.weights.digest, first.weights.digest);

    for (net, reason) in [
        ("resnet18", "they belong to SmallResnet"),
        ("small_resnet", "give --net"),
        ("vgg", "there is no nets/names/vgg"),
        ("{\"name\": \"vgg\"}", "is no net"),
    ] {
        let words = words(net);
        let error = refused(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(error.contains(reason), "{net}: {error}");
    }
    world.base.delete(&weights_file_key(&facts.digest)).unwrap();
    let wider = training(&world, &net, "1x1-b8-k3-q20", start);
    let failure = run(&mut context, &wider, None).unwrap_err();
    assert!(failure.message.contains("weights add"), "{failure}");
}
