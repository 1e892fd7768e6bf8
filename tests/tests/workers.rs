//! Workers that cannot work for a group, or not for a build: they are told so, or the build's user is.

use imgcalc_proto::PROTOCOL;
use imgcalc_proto::v1::workers_client::WorkersClient;
use imgcalc_proto::v1::{LeaseRequest, RegisterRequest};
use imgcalc_tests::answers::{attempts_in, text};
use imgcalc_tests::group::Group;
use imgcalc_tests::logs::{Expected, unexpected};
use imgcalc_tests::processes::within;
use imgcalc_tests::programs::PATIENCE;
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use serde_json::Value;
use tonic::Code;

const IMAGES: u32 = 1000;

#[test]
fn a_worker_of_another_release_is_told_so_and_gets_nothing() {
    let sandbox = Sandbox::new();
    let mut group = Group::running(&sandbox, &[]);
    let address = format!("http://{}", group.address(group.leader()));
    let old = RegisterRequest {
        protocol: PROTOCOL - 1,
        name: "old".into(),
        host: "h".into(),
        hardware: "cpu".into(),
        threads: 1,
        base: String::new(),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut client = WorkersClient::connect(address).await.expect("the leader listens");
        let refusal = client.register(old).await.expect_err("another protocol");
        assert_eq!(refusal.code(), Code::FailedPrecondition);
        for part in [
            "\"old\"",
            &format!("protocol {}", PROTOCOL - 1),
            &PROTOCOL.to_string(),
            "one release",
        ] {
            assert!(refusal.message().contains(part), "no {part} in {refusal}");
        }
        let question = LeaseRequest {
            worker: "old".into(),
            wait_ms: 100,
            sequence: 1,
        };
        let reply = client.lease(question).await.expect("an answer").into_inner();
        assert!(reply.unknown_worker && reply.assignment.is_none(), "{reply:?}");
    });
    assert_eq!(group.workers(), Vec::<Value>::new());
    group.end();
}

#[test]
fn a_build_that_no_worker_may_go_on_with_says_whom_it_waits_for() {
    let sandbox = Sandbox::new();
    let mut group = Group::running(&sandbox, &[]);
    sandbox.import_fashion("base", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::tiny());
    group.ask(&["submit", &spec, "--hardware", "abacus"]).ok();
    let waits = |group: &Group| group.ask(&["status"]).ok().stdout;
    let nobody = waits(&group);
    assert!(nobody.contains("waits for  a worker: none is there"), "{nobody}");
    group.start_worker("other", &[]);
    group.wait_for_worker("other");
    let class = group.workers()[0]["hardware"]
        .as_str()
        .expect("a class")
        .to_string();
    // The training on pixels needs no profile: it is done meanwhile.
    let told = within(PATIENCE, || {
        let waits = group.status()["waits_for"].as_str().map(str::to_string);
        waits.is_some_and(|waits| waits.contains("hardware class abacus") && waits.contains(&class))
    });
    assert!(told, "{}", waits(&group));
    group.end();
}

#[test]
fn a_worker_of_another_base_gets_nothing_and_one_whose_base_is_not_there_ends() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    sandbox.import_fashion("other", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::tiny());
    let mut group = Group::running(&sandbox, &[]);
    group.start_worker("elsewhere", &["--base", &sandbox.url("other")]);
    group.start_worker("here", &["--base", &sandbox.url("base")]);
    group.start_worker("lost", &["--base", &sandbox.url("nowhere")]);
    let refusal = group.reap_worker("lost").refused();
    assert!(refusal.contains("nowhere"), "{refusal}");
    group.wait_for_worker("elsewhere");
    group.wait_for_worker("here");
    group.ask(&["submit", &spec, "--wait", "--json"]).ok();
    let all = attempts_in(&group.status());
    let attempts: Vec<&Value> = all.values().flat_map(|task| &task.attempts).collect();
    assert!(!attempts.is_empty());
    for attempt in attempts {
        assert_eq!(text(attempt, "worker"), "here", "{attempt}");
    }
    group.end();
    let no_base = Expected {
        text: "nowhere",
        why: "the base named is not there",
    };
    assert_eq!(unexpected(&group.logs(), &[no_base]), Vec::<String>::new());
}
