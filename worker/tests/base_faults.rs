//! A base behind a network that fails: transient faults are outlived, permanent ones are told at once, nothing is torn.

mod base_support;

use base_support::faults::{Fault, FaultProxy, Plan};
use base_support::{LARGE_BYTES, Told, content, fresh_url, impatient, limits, server};
use imgcalc_shared::task::FailureClass;
use imgcalc_worker::data::{Base, Limits};
use imgcalc_worker::failure::Failure;
use std::time::Duration;

const SEED_VARIABLE: &str = "IMGCALC_TEST_SEED";
const OBJECTS: u32 = 30;
/// Looks, 50 ms apart, for what must have happened.
const POLLS: u32 = 2400;

/// A base behind a proxy, and the same without it.
struct World {
    proxy: FaultProxy,
    base: Base,
    direct: Base,
    _told: Told,
}

impl World {
    fn new(limits: Limits) -> World {
        let url = fresh_url();
        let proxy = FaultProxy::start(&server().address());
        let env = base_support::server::env(&proxy.address());
        World {
            base: Base::open_with(&url, &env, limits).unwrap(),
            direct: Base::open_with(&url, &server().env(), base_support::limits()).unwrap(),
            proxy,
            _told: Told,
        }
    }

    fn with(name: &str, value: &str, url: &str) -> (FaultProxy, Base) {
        let proxy = FaultProxy::start(&server().address());
        let mut env = base_support::server::env(&proxy.address());
        env.push((name.into(), value.into()));
        let base = Base::open_with(url, &env, limits()).unwrap();
        (proxy, base)
    }
}

/// Patient with faults, but back soon.
fn patient() -> Limits {
    Limits {
        back_off_first: Duration::from_millis(2),
        back_off_max: Duration::from_millis(50),
        retries_max: 1000,
        ..limits()
    }
}

fn seed() -> u64 {
    match std::env::var(SEED_VARIABLE) {
        Ok(text) => text.parse().expect("a seed is a number"),
        Err(_) => {
            u64::from(std::process::id()) << 20
                | u64::from(std::time::UNIX_EPOCH.elapsed().unwrap().subsec_micros())
        }
    }
}

#[track_caller]
fn storage<T: std::fmt::Debug>(result: Result<T, Failure>, parts: &[&str]) {
    let failure = result.unwrap_err();
    assert_eq!(failure.class, FailureClass::Storage, "{failure}");
    for part in parts {
        assert!(failure.message.contains(part), "no {part:?} in {failure}");
    }
    for secret in ["test-secret", "Signature", "Authorization"] {
        assert!(!failure.message.contains(secret), "{failure}");
    }
}

#[test]
fn reads_and_writes_outlive_transient_faults_and_nothing_is_torn() {
    let world = World::new(patient());
    let seed = seed();
    eprintln!("{SEED_VARIABLE}={seed}");
    let faults = vec![
        Fault::Status(500),
        Fault::Status(502),
        Fault::Overloaded,
        Fault::Close,
        Fault::CutAnswer,
        Fault::LoseAnswer,
    ];
    world.proxy.set(Plan::Share {
        percent: 30,
        seed,
        faults,
    });
    let base = &world.base;
    let keys: Vec<String> = (0..OBJECTS).map(|number| format!("x/{number:03}")).collect();
    for (number, key) in (0..).zip(&keys) {
        let bytes = content(number, 1000 * number as usize);
        let object = base.put(key, bytes.clone()).unwrap();
        assert_eq!(base.get_verified(&object).unwrap(), bytes);
        assert_eq!(world.direct.get_verified(&object).unwrap(), bytes);
        if number > 0 {
            assert_eq!(base.get_range(key, 7..900).unwrap(), bytes[7..900]);
        }
        assert!(base.put_if_absent(&format!("y/{number:03}"), bytes).unwrap());
        assert!(!base.put_if_absent(&format!("y/{number:03}"), vec![1]).unwrap());
    }
    let listed: Vec<String> = base.list("x").unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(listed, keys);
    let large = content(1, LARGE_BYTES);
    let object = base.put("large", large.clone()).unwrap();
    assert!(base.get_verified(&object).unwrap() == large);
    assert!(world.direct.get_verified(&object).unwrap() == large);
    for key in &keys {
        base.delete(key).unwrap();
        assert!(!base.exists(key).unwrap());
    }
    assert!(
        world.proxy.spoiled() > OBJECTS,
        "{} faults",
        world.proxy.spoiled()
    );
}

#[test]
fn a_store_that_hangs_for_a_while_is_waited_for() {
    // An answer that is later than this is hung up on like one that never comes, and asked for again.
    let world = World::new(Limits {
        request_max: Duration::from_secs(2),
        ..patient()
    });
    let bytes = content(1, 5000);
    for (number, operation) in ["put", "get", "create", "delete"].into_iter().enumerate() {
        world.proxy.set(Plan::Next(2, Fault::Hang));
        match operation {
            "put" => drop(world.base.put("x/a", bytes.clone()).unwrap()),
            "get" => assert_eq!(world.base.get("x/a").unwrap(), bytes),
            "create" => assert!(world.base.put_if_absent("x/b", bytes.clone()).unwrap()),
            _ => world.base.delete("x/b").unwrap(),
        }
        assert!(world.proxy.spoiled() >= 2 * (number as u32 + 1), "{operation}");
    }
    assert_eq!(world.direct.list("x").unwrap(), [("x/a".to_string(), 5000)]);
}

#[test]
fn an_answer_that_ends_in_its_middle_is_asked_for_again() {
    let world = World::new(patient());
    let bytes = content(1, LARGE_BYTES);
    world.direct.put("x/a", bytes.clone()).unwrap();
    world.direct.put("x/b", vec![7; 100_000]).unwrap();
    for _ in 0..3 {
        world.proxy.set(Plan::Next(3, Fault::CutAnswer));
        assert!(world.base.get("x/a").unwrap() == bytes);
        world.proxy.set(Plan::Next(2, Fault::CutAnswer));
        assert_eq!(world.base.get_range("x/b", 10..90_000).unwrap(), vec![7; 89_990]);
        world.proxy.set(Plan::Next(2, Fault::CutAnswer));
        assert_eq!(world.base.list("x").unwrap().len(), 2);
    }
    assert!(world.proxy.spoiled() >= 3 * 7);
}

#[test]
fn a_conditional_write_whose_answer_is_lost_knows_its_own() {
    let world = World::new(patient());
    for (number, fault) in (0..).zip([Fault::LoseAnswer, Fault::CutAnswer]) {
        let key = format!("n/{number}");
        world.proxy.set(Plan::Next(1, fault));
        assert!(world.base.put_if_absent(&key, b"first".to_vec()).unwrap());
        world.proxy.set(Plan::Next(1, fault));
        assert!(!world.base.put_if_absent(&key, b"other".to_vec()).unwrap());
        assert_eq!(world.direct.get(&key).unwrap()[..], *b"first");
    }
    assert_eq!(world.proxy.spoiled(), 4);
}

#[test]
fn an_upload_that_fails_leaves_the_old_object_and_is_taken_back() {
    let world = World::new(impatient());
    world.direct.put("x/a", b"old".to_vec()).unwrap();
    world
        .proxy
        .set(Plan::Matching("partNumber=2", Fault::Status(500)));
    storage(
        world.base.put("x/a", content(1, LARGE_BYTES)),
        &["cannot write x/a in s3://", "500", "tried again"],
    );
    let seen = world.proxy.take_seen();
    assert!(seen.iter().any(|line| line.contains("partNumber=2")), "{seen:?}");
    let aborted = seen
        .iter()
        .any(|line| line.starts_with("DELETE") && line.contains("uploadId="));
    assert!(aborted, "{seen:?}");
    assert_eq!(world.direct.get("x/a").unwrap()[..], *b"old");

    // Only the answer to the completion is lost: it is there, and doing it all again does no harm.
    let world = World::new(patient());
    world.proxy.set(Plan::Matching("a?uploadId=", Fault::LoseAnswer));
    let base = world.base.clone();
    let put = std::thread::spawn(move || base.put("x/a", content(1, LARGE_BYTES)));
    while world.proxy.spoiled() == 0 && !put.is_finished() {
        std::thread::sleep(Duration::from_millis(5));
    }
    world.proxy.set(Plan::Calm);
    let object = put.join().unwrap().unwrap();
    world.direct.get_verified(&object).unwrap();
    assert!(world.proxy.spoiled() > 0);
}

#[test]
fn a_store_that_never_recovers_ends_in_a_storage_failure() {
    for (fault, says) in [
        (Fault::Hang, "tried again"),
        (Fault::Status(500), "it answers 500"),
        (Fault::Overloaded, "it answers 503"),
        (Fault::Close, "check that the store and the network are up"),
        (Fault::LoseAnswer, "AWS_ENDPOINT"),
    ] {
        // Only what never answers is not waited for: a slow machine must not make it of the others.
        let request_max = match fault {
            Fault::Hang => Duration::from_millis(300),
            _ => limits().request_max,
        };
        let world = World::new(Limits {
            request_max,
            ..impatient()
        });
        world.direct.put("x/a", vec![1; 10]).unwrap();
        world.proxy.set(Plan::Always(fault));
        let url = world.base.url().to_string();
        storage(world.base.get("x/a"), &["cannot read x/a", &url, says]);
        storage(world.base.put("x/b", vec![1]), &["cannot write x/b", &url, says]);
        storage(
            world.base.put_if_absent("x/c", vec![1]),
            &["cannot write x/c", &url, says],
        );
        storage(world.base.list("x"), &["cannot list x", &url, says]);
        // The proxy may read a request after the client has hung up.
        let mut lines = 0;
        for _ in 0..POLLS {
            lines += world.proxy.take_seen().len();
            if lines >= 8 {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(
            lines >= 8,
            "every one was tried again: {lines} requests by {fault:?}"
        );
    }
    // Nobody listens.
    let env = base_support::server::env("127.0.0.1:1");
    let base = Base::open_with("s3://place/x", &env, impatient()).unwrap();
    storage(base.get("a"), &["cannot read a in s3://place/x", "tried again"]);
}

#[test]
fn what_asking_again_cannot_change_is_told_after_one_request() {
    let once = |proxy: &FaultProxy| assert_eq!(proxy.take_seen().len(), 1);

    // No such object.
    let world = World::new(limits());
    let missing = world.base.get("x/none").unwrap_err();
    assert_eq!(missing.class, FailureClass::BadData, "{missing}");
    once(&world.proxy);

    // No such place, however it is asked.
    let (proxy, base) = World::with("AWS_REGION", "us-east-1", "s3://nowhere/prefix");
    let parts = ["in s3://nowhere/prefix", "no such place", "AWS_ENDPOINT"];
    storage(base.get("x/a"), &parts);
    once(&proxy);
    storage(base.put("x/a", vec![1]), &parts);
    once(&proxy);
    storage(base.put_if_absent("x/a", vec![1]), &parts);
    once(&proxy);
    storage(base.list("x"), &parts);
    once(&proxy);
    storage(base.delete("x/a"), &parts);
    once(&proxy);
    // An answer to HEAD has no body that could tell, so the place is looked for.
    storage(base.exists("x/a"), &parts);
    assert_eq!(proxy.take_seen().len(), 2);
    storage(base.put("x/a", content(1, LARGE_BYTES)), &parts);
    once(&proxy);

    // Not let in: nothing is signed, or the store says so by itself.
    let url = fresh_url();
    Base::open_with(&url, &server().env(), limits())
        .unwrap()
        .put("x/a", vec![1])
        .unwrap();
    let (proxy, base) = World::with("AWS_SKIP_SIGNATURE", "true", &url);
    storage(base.get("x/a"), &["cannot read x/a", "403", "AWS_ACCESS_KEY_ID"]);
    once(&proxy);
    for status in [400, 401, 403] {
        world.proxy.set(Plan::Always(Fault::Status(status)));
        storage(world.base.get("x/a"), &["cannot read x/a", &status.to_string()]);
        once(&world.proxy);
        storage(
            world.base.put("x/a", vec![1]),
            &["cannot write x/a", &status.to_string()],
        );
        once(&world.proxy);
        storage(
            world.base.exists("x/a"),
            &["cannot read x/a", &status.to_string()],
        );
        once(&world.proxy);
    }
}

#[test]
fn where_there_are_no_credentials_only_the_service_for_them_is_asked_again() {
    let store = FaultProxy::start(&server().address());
    let service = FaultProxy::start(&server().address());
    service.set(Plan::Always(Fault::Status(500)));
    let mut env = base_support::server::env(&store.address());
    env.retain(|(name, _)| !name.contains("KEY"));
    let endpoint = format!("http://{}", service.address());
    env.push(("AWS_METADATA_ENDPOINT".into(), endpoint));
    let limits = Limits {
        retries_max: 3,
        ..patient()
    };
    let base = Base::open_with("s3://place/x", &env, limits).unwrap();
    storage(
        base.get("a"),
        &[
            "cannot read a in s3://place/x",
            "no setting names credentials",
            "AWS_ACCESS_KEY_ID",
        ],
    );
    assert_eq!(store.take_seen().len(), 0);
    assert_eq!(service.take_seen().len(), 4);
}
