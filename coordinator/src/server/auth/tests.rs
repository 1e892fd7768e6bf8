use super::*;
use std::collections::BTreeMap;

/// Every method of the wire and who is meant to call it, as a person would write it down.
const CALLERS: [(&str, &[Role]); 18] = [
    ("Workers/Register", &[Role::Worker]),
    ("Workers/Lease", &[Role::Worker]),
    ("Workers/Progress", &[Role::Worker]),
    ("Workers/Complete", &[Role::Worker]),
    ("Workers/Fail", &[Role::Worker]),
    ("Workers/Leave", &[Role::Worker]),
    ("Builds/Submit", &[Role::Client]),
    ("Builds/Direct", &[Role::Client]),
    ("Builds/Amend", &[Role::Client]),
    ("Builds/Retry", &[Role::Client]),
    ("Builds/Drain", &[Role::Client]),
    ("Builds/Adopt", &[Role::Client]),
    ("Builds/Overview", &[Role::Client]),
    ("Builds/Get", &[Role::Client]),
    ("Builds/Logs", &[Role::Client]),
    ("Peers/Deliver", &[Role::Peer]),
    ("Peers/Members", &[Role::Client, Role::Peer]),
    ("Peers/Change", &[Role::Client]),
];

#[test]
fn every_method_of_the_wire_has_the_caller_it_is_meant_for() {
    let text = include_str!("../../../../proto/proto/imgcalc.proto");
    let mut service = "";
    let mut found = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("service ") {
            service = rest.trim_end_matches('{').trim();
        } else if let Some(rest) = line.strip_prefix("rpc ") {
            let method = rest.split('(').next().expect("a method has a name");
            let path = format!("{service}/{method}");
            found.insert(path.clone(), callers_of(&format!("/imgcalc.v1.{path}")));
        }
    }
    let meant = CALLERS.map(|(path, role)| (path.to_string(), role));
    assert_eq!(found, BTreeMap::from(meant));
}

#[test]
fn a_method_nobody_decided_about_is_closed() {
    for path in [
        "",
        "/",
        "/imgcalc.v1.Peers/",
        "/imgcalc.v1.Peers/New",
        "/imgcalc.v1.Peers/Deliver/",
        "/imgcalc.v2.Builds/Get",
        "imgcalc.v1.Builds/Get",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ] {
        assert_eq!(callers_of(path), [], "{path}");
    }
}
