//! A group of coordinators and its workers, from outside: what each verb says of it, who may take part, and that it
//! goes on while members and workers come and go. What happens to it by accident is in `faults`.

use imgcalc_tests::answers::{Attempts, Outcome, assert_never_repeated, attempts_in};
use imgcalc_tests::disk::{SmallDisk, where_mounting_works};
use imgcalc_tests::group::Group;
use imgcalc_tests::logs::{Expected, unexpected};
use imgcalc_tests::processes::within;
use imgcalc_tests::profile;
use imgcalc_tests::programs::PATIENCE;
use imgcalc_tests::sandbox::Sandbox;
use imgcalc_tests::spec::Spec;
use rustix::process::Signal;
use serde_json::Value;

const IMAGES: u32 = 1000;

/// Workers that are drained one after the other until one is met in the middle of a training.
const DRAINS_MAX: usize = 5;

/// Leaders that are ended until one still leads when it hears of it.
const LEADERS_MAX: usize = 5;

/// Waits until a training has done some epochs.
fn wait_for_epochs(group: &Group) {
    let under_way = || {
        let status = group.status();
        let running = status["running"].as_array().cloned().unwrap_or_default();
        running.iter().any(|running| running["epoch"].as_u64() > Some(2))
    };
    assert!(
        within(PATIENCE, under_way),
        "a training starts: {}",
        group.status()
    );
}

fn wait_for_end(group: &Group) {
    let over = within(PATIENCE, || group.status()["state"] == "done");
    assert!(over, "the build ends: {}", group.status());
}

fn assert_quiet(group: &Group, expected: &[Expected]) {
    let found = unexpected(&group.logs(), expected);
    assert!(found.is_empty(), "nobody expects this:\n{}", found.join("\n"));
}

#[test]
fn a_group_builds_what_one_machine_builds_and_whoever_is_asked_knows_the_leader() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    profile::made_up(&sandbox, &Spec::tiny(), "profile");
    let spec = sandbox.spec("spec.toml", &Spec::tiny());
    sandbox.built("alone", &spec, &["--profile", "profile"]);
    let expected = Outcome::of(&sandbox, "alone");

    let mut group = Group::running(&sandbox, &["w1", "w2"]);
    let leader = group.leader();
    let follower = group.running_coordinators().into_iter().find(|id| *id != leader);
    let follower = group.address(follower.expect("three of them"));
    let submit = ["submit", &spec, "--profile", "profile", "--wait", "--json"];
    let answer = group.asking_at(&follower, &submit).finish(PATIENCE).json();
    assert!(answer.is_object() || answer.is_array(), "{answer}");
    let outcome = Outcome::said(|arguments| group.asking_at(&follower, arguments).finish(PATIENCE));
    assert_eq!(outcome, expected);

    // A second build with the same trainings does none of them.
    let again = Spec::tiny()
        .with("name", "again")
        .with("answer.times_us", vec![50.0]);
    let again = sandbox.spec("again.toml", &again);
    group.ask(&["submit", &again, "--wait", "--json"]).ok();
    let [first, second] =
        ["tiny", "again"].map(|name| attempts_in(&group.ask(&["status", name, "--json"]).json()));
    assert_never_repeated(&first, &second);
    let listed = group.ask(&["ls", "--json"]).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    group.end();
    assert_quiet(&group, &[]);
}

#[test]
fn status_and_logs_go_on_over_the_death_of_the_leader() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::long());
    let mut group = Group::running(&sandbox, &["w1", "w2"]);
    group.ask(&["submit", &spec]).ok();
    wait_for_epochs(&group);
    let logs = group.asking(&["logs", "--follow"]);
    assert!(within(PATIENCE, || !logs.stdout().is_empty()), "there are lines");
    let leader = group.leader();
    let before = attempts_in(&group.status());
    group.kill_coordinator(leader);
    let after = attempts_in(&group.status());
    assert_never_repeated(&before, &after);
    assert_ne!(group.leader(), leader);
    wait_for_end(&group);
    // Following ends with the build, and has told of its end.
    let followed = logs.finish(PATIENCE).ok().stdout;
    let last = followed.lines().last().unwrap_or_default();
    let told = group.ask(&["logs"]).ok().stdout;
    assert_eq!(told.lines().last(), Some(last), "{followed}");
    group.start_coordinator(leader);
    group.end();
    assert_quiet(&group, &[]);
}

#[test]
fn a_fourth_coordinator_takes_the_place_of_one_of_three() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::long());
    let mut group = Group::running(&sandbox, &["w1", "w2"]);
    group.ask(&["submit", &spec]).ok();
    wait_for_epochs(&group);
    group.join(4);
    let peer = format!("4={}", group.address(4));
    group.ask(&["peers", "add", &peer, "--replace", "2"]).ok();
    let members = group
        .asking_at(&group.address(4), &["peers", "list", "--json"])
        .finish(PATIENCE)
        .json();
    let ids: Vec<&Value> = members["members"]
        .as_array()
        .expect("members")
        .iter()
        .map(|member| &member["id"])
        .collect();
    assert_eq!(ids, [1, 3, 4], "{members}");
    let said = group.reap_coordinator(2).refused();
    assert!(said.contains("peer 2 was removed from its group"), "{said}");
    // It decides: with it and one of the others there is a majority.
    group.kill_coordinator(1);
    group.leader();
    wait_for_end(&group);
    group.end();
    let removed = Expected {
        text: "peer 2 was removed from its group; its data directory is of no more use",
        why: "that is what was done to it",
    };
    assert_quiet(&group, &[removed]);
}

#[test]
fn a_drained_worker_hands_back_and_ends_and_another_goes_on_from_its_checkpoint() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::long());
    let mut group = Group::running(&sandbox, &["w0"]);
    group.ask(&["submit", &spec]).ok();
    let mut before = Attempts::new();
    let met = (0..DRAINS_MAX).any(|number| {
        // It may be between two trainings when it hears of it, where it has nothing to hand back.
        let name = format!("w{number}");
        if number > 0 {
            group.start_worker(&name, &[]);
        }
        wait_for_epochs(&group);
        group.ask(&["workers", "drain", &name]).ok();
        group.reap_worker(&name).ok();
        assert!(group.workers().is_empty());
        before = attempts_in(&group.status());
        !failures(&before).is_empty()
    });
    assert!(met, "none of {DRAINS_MAX} workers was in the middle of something");
    group.start_worker("last", &[]);
    wait_for_end(&group);
    let after = attempts_in(&group.status());
    assert_never_repeated(&before, &after);
    let failures = failures(&after);
    assert!(
        failures.iter().all(|failure| failure[0] == "preempted"),
        "{failures:?}"
    );
    let logs = group.ask(&["logs"]).ok().stdout;
    assert!(logs.contains("goes on from a checkpoint"), "{logs}");
    let unknown = group.ask(&["workers", "drain", "nobody"]).refused();
    assert!(unknown.contains("imgcalc workers list"), "{unknown}");
    group.end();
    assert_quiet(&group, &[PREEMPTED]);
}

/// Why attempts failed.
fn failures(all: &Attempts) -> Vec<Value> {
    let attempts = all.values().flat_map(|task| &task.attempts);
    attempts
        .map(|attempt| attempt["failure"].clone())
        .filter(|failure| !failure.is_null())
        .collect()
}

/// A worker says of each attempt that it does not finish.
const PREEMPTED: Expected = Expected {
    text: "fails: pre-empted",
    why: "a worker that ends hands its attempt back",
};

#[test]
fn a_data_directory_of_another_peer_or_group_is_refused() {
    let sandbox = Sandbox::new();
    let group = Group::new(&sandbox, 3, &[]);
    let peers = |third: &str| format!("1=127.0.0.1:1,2=127.0.0.1:2,3={third}");
    let serve = |id: &str, peers: &str| {
        let flags = [
            "--data-dir",
            "data",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--id",
            id,
            "--peers",
            peers,
        ];
        imgcalc_tests::programs::start(&mut sandbox.command(&flags))
    };
    let own = peers("127.0.0.1:3");
    let first = serve("1", &own);
    assert!(
        within(PATIENCE, || first.stderr().contains("listens on")),
        "{}",
        first.stderr()
    );
    let held = serve("1", &own).finish(PATIENCE).refused();
    assert!(
        held.contains(&format!("held by process {}", first.pid())),
        "{held}"
    );
    first.kill();
    for (id, peers) in [("2", own.clone()), ("1", peers("127.0.0.1:4"))] {
        let refusal = serve(id, &peers).finish(PATIENCE).refused();
        assert!(refusal.contains("belongs to peer 1 of group"), "{refusal}");
        assert!(
            refusal.contains("use that peer's directory, or a new one"),
            "{refusal}"
        );
    }
    drop(group);
}

#[test]
fn a_group_behind_tls_builds_and_turns_strangers_away() {
    let sandbox = Sandbox::new();
    sandbox.import_fashion("base", IMAGES);
    let spec = sandbox.spec("spec.toml", &Spec::tiny());
    sandbox.imgcalc(&["certs", "new", "certs"]).ok();
    sandbox.imgcalc(&["certs", "new", "others"]).ok();
    let mut group = Group::new(&sandbox, 3, &[]).with_credentials(sandbox.path("certs"));
    group.start();
    group.start_worker("w1", &[]);
    group.start_worker("w2", &[]);
    group.wait_for_worker("w1");
    group.ask(&["submit", &spec, "--wait", "--json"]).ok();

    let to = group.addresses();
    let plain = sandbox.imgcalc(&["status", "--to", &to]).refused();
    assert!(
        plain.contains("--credentials") || plain.contains("credentials"),
        "{plain}"
    );
    // The right certificates with a token of somebody else.
    let (token, other) = ("certs/client/token", "others/client/token");
    let own = std::fs::read(sandbox.path(token)).expect("a token");
    std::fs::copy(sandbox.path(other), sandbox.path(token)).expect("a file can be copied");
    let wrong = group.ask(&["status"]).refused();
    assert!(wrong.contains("token"), "{wrong}");
    std::fs::write(sandbox.path(token), own).expect("a file can be written");
    // Certificates of another authority.
    let stranger = ["status", "--to", &to, "--credentials", "others/client"];
    let stranger = sandbox.imgcalc(&stranger).refused();
    assert!(
        stranger.contains("certificate") || stranger.contains("ca.pem"),
        "{stranger}"
    );
    // A worker is no client.
    let worker = ["cancel", "tiny", "--to", &to, "--credentials", "certs/worker"];
    sandbox.imgcalc(&worker).refused();
    group.ask(&["status", "--json"]).ok();
    group.end();
    let refused = Expected {
        text: "refuses a call",
        why: "strangers and wrong roles are told of",
    };
    assert_quiet(&group, &[refused]);
}

#[test]
fn a_coordinator_without_room_does_not_start_and_the_others_do_not_need_it() {
    let test = "a_coordinator_without_room_does_not_start_and_the_others_do_not_need_it";
    where_mounting_works(test, || {
        let sandbox = Sandbox::new();
        let disk = SmallDisk::mount(&sandbox.path("coordinator-3"), 16 << 20);
        disk.leave_room(64 << 10);
        let mut group = Group::new(&sandbox, 3, &[]);
        let said = group.try_coordinator(3).expect_err("there is no room").refused();
        assert!(
            said.contains("no room is left") || said.contains("No space left"),
            "{said}"
        );
        group.start_coordinator(1);
        group.start_coordinator(2);
        assert_ne!(group.leader(), 3);
        disk.make_room();
        group.start_coordinator(3);
        // With it there is a majority.
        group.kill_coordinator(1);
        group.leader();
        group.end();
        let no_room = ["no room is left", "No space left"].map(|text| Expected {
            text,
            why: "the disk is full",
        });
        assert_quiet(&group, &no_room);
    });
}

/// Ends a coordinator in good order; the others go on at once.
#[test]
fn a_leader_that_is_told_to_end_hands_over() {
    let sandbox = Sandbox::new();
    let mut group = Group::running(&sandbox, &[]);
    let handed_over = (0..LEADERS_MAX).find_map(|_| {
        let leader = group.leader();
        let said = group.end_coordinator(leader, Signal::TERM).ok();
        let handed_over = said.stderr.contains("hands leadership over");
        if !handed_over {
            // On a busy machine another may have been elected meanwhile.
            assert_ne!(group.leader(), leader, "{}", said.stderr);
            group.start_coordinator(leader);
        }
        handed_over.then_some(leader)
    });
    let leader = handed_over.expect("a leader that ends says what becomes of its lead");
    assert_ne!(group.leader(), leader);
    group.start_coordinator(leader);
    let follows = || group.ask(&["peers", "list"]).stdout.contains("follows");
    assert!(within(PATIENCE, follows), "the others follow");
    group.end();
    assert_quiet(&group, &[]);
}
