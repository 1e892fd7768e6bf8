//! The main job with its base in an object store: the same as on disk, also when the store has its bad moments.

use imgcalc_tests::answers::Outcome;
use imgcalc_tests::dice::{Dice, SEED_VARIABLE};
use imgcalc_tests::programs::{self, PATIENCE, Said};
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use imgcalc_tests::store::{self, Fault, FaultProxy, Plan, S3Server};
use std::process::Command;

const IMAGES: u32 = 1000;
const FASHION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../.deps/fashion-mnist");

/// Programs that reach the store at an address.
struct Client<'a> {
    sandbox: &'a Sandbox,
    env: Vec<(String, String)>,
}

impl Client<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command.envs(self.env.iter().cloned());
        command
    }

    fn run(&self, arguments: &[&str]) -> Said {
        programs::start(&mut self.command(arguments)).finish(PATIENCE)
    }

    fn import(&self, url: &str) -> Said {
        let limit = IMAGES.to_string();
        self.run(&[
            "data", "import", FASHION, "--base", url, "--name", "fashion", "--size", "32", "--limit", &limit,
            "--json",
        ])
    }

    /// A build with the profile of the one on disk.
    fn build(&self, data_dir: &str, url: &str) -> Said {
        let spec = Spec::tiny().with("base", url);
        let spec = self.sandbox.spec(&format!("{data_dir}.toml"), &spec);
        self.run(&["--data-dir", data_dir, "build", &spec, "--profile", "profile"])
    }
}

#[test]
fn a_build_on_an_object_store_ends_like_one_on_disk() {
    let sandbox = Sandbox::new();
    let imported = sandbox.import_fashion("base", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::tiny());
    sandbox.built("disk", &spec, &[]);
    sandbox
        .ask("disk", &["profile", "export", "--out", "profile"])
        .ok();
    let expected = Outcome::of(&sandbox, "disk");

    let server = S3Server::start();
    let url = server.url("calm");
    let client = Client {
        sandbox: &sandbox,
        env: server.env(),
    };
    let there = client.import(&url).json();
    assert_eq!(there["digest"], imported["digest"], "{there}");
    client.build("calm", &url).ok();
    assert_eq!(Outcome::of(&sandbox, "calm"), expected);
    sandbox.assert_nothing_runs("a build on an object store");
    let inspected = client
        .run(&["inspect", "fashion", "--base", &url, "--deep", "--json"])
        .json();
    assert_eq!(inspected["intact"], true, "{inspected}");

    // The same through a proxy that spoils one request in ten.
    let seed = Dice::thrown().seed;
    eprintln!("{SEED_VARIABLE}={seed}");
    let proxy = FaultProxy::start(&server.address());
    let faults = vec![
        Fault::Status(500),
        Fault::Overloaded,
        Fault::Close,
        Fault::CutAnswer,
        Fault::LoseAnswer,
    ];
    proxy.set(Plan::Share {
        percent: 10,
        seed,
        faults,
    });
    let client = Client {
        sandbox: &sandbox,
        env: store::env(&proxy.address()),
    };
    let url = server.url("stormy");
    assert_eq!(client.import(&url).json()["digest"], imported["digest"]);
    client.build("stormy", &url).ok();
    assert_eq!(
        Outcome::of(&sandbox, "stormy"),
        expected,
        "{SEED_VARIABLE}={seed}"
    );
    assert!(proxy.spoiled() > 0, "{SEED_VARIABLE}={seed}");
    sandbox.assert_nothing_runs("a build on a bad store");
}

#[test]
fn a_place_that_is_not_there_is_told_at_once_and_no_secret_with_it() {
    let sandbox = Sandbox::new();
    let server = S3Server::start();
    let client = Client {
        sandbox: &sandbox,
        env: server.env(),
    };
    let refusal = client.import("s3://nowhere/base").refused();
    for part in ["s3://nowhere/base", "no such place", "AWS_ENDPOINT"] {
        assert!(refusal.contains(part), "no {part:?} in {refusal}");
    }
    assert!(!refusal.contains("test-secret"), "{refusal}");
}
