//! Local workers, with small shell scripts in the place of the worker program.

use imgcalc_cluster::{ClusterError, LocalOptions, LocalWorkers, Report};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Options for two workers that run this script.
fn options(folder: &Path, script: &str) -> LocalOptions {
    let program = folder.join("worker.sh");
    // Written by another process: a child that a test beside this one starts just now would inherit a file open for
    // writing here, and no such file can be started.
    let write = Command::new("sh")
        .args(["-c", r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod 755 "$0""#])
        .args([program.as_os_str(), script.as_ref()])
        .status();
    assert!(write.unwrap().success());
    LocalOptions {
        count: 2,
        coordinators: "127.0.0.1:1".into(),
        threads: 1,
        name_prefix: "local".into(),
        log_folder: folder.join("logs"),
        extra_args: vec!["--extra".into()],
        program: Some(program),
    }
}

fn is_alive(pid: u32) -> bool {
    // A zombie has ended.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_worker_is_told_its_name_and_threads_and_writes_its_own_log() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"echo "$OMP_NUM_THREADS $OMP_WAIT_POLICY $*" >&2; read line"#;
    let workers = LocalWorkers::start(options(folder.path(), script)).unwrap();
    let log = folder.path().join("logs/local-2.log");
    let expected =
        "1 PASSIVE --coordinators 127.0.0.1:1 --threads 1 --name local-2 --exit-with-stdin --extra\n";
    wait_until("the log is written", || {
        fs::read_to_string(&log).is_ok_and(|text| text == expected)
    });
    drop(workers);
}

#[test]
fn a_worker_that_died_is_reported_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("test -e {0}/again || exit 3\nread line", folder.path().display());
    let mut workers = LocalWorkers::start(options(folder.path(), &script)).unwrap();
    let mut died = Vec::new();
    wait_until("both are reported", || {
        died.extend(workers.check());
        died.len() == 2
    });
    let Report::Died {
        worker,
        how,
        restart_in,
        ..
    } = &died[0]
    else {
        panic!("{died:?}");
    };
    assert!(
        worker.starts_with("local-") && how.contains("exit status: 3"),
        "{died:?}"
    );
    assert!(*restart_in < Duration::from_secs(1));
    fs::write(folder.path().join("again"), "").unwrap();
    let mut again = Vec::new();
    wait_until("both run again", || {
        again.extend(workers.check());
        again.len() == 2
    });
    assert!(
        again
            .iter()
            .all(|report| matches!(report, Report::Restarted { .. })),
        "{again:?}"
    );
    assert_eq!(workers.running().len(), 2);
}

#[test]
fn stopping_asks_first_and_kills_what_does_not_listen() {
    let folder = tempfile::tempdir().unwrap();
    let polite = "trap 'exit 0' TERM; echo up >&2; while :; do sleep 0.02; done";
    let deaf = "trap '' TERM; echo up >&2; while :; do sleep 0.02; done";
    for (script, killed) in [(polite, 0), (deaf, 2)] {
        let workers = LocalWorkers::start(options(folder.path(), script)).unwrap();
        let pids: Vec<u32> = workers.running().iter().map(|(_, pid)| *pid).collect();
        let logs = ["logs/local-1.log", "logs/local-2.log"].map(|log| folder.path().join(log));
        wait_until("both are up", || {
            logs.iter()
                .all(|log| fs::read_to_string(log).is_ok_and(|text| text == "up\n"))
        });
        assert_eq!(
            workers.stop(Duration::from_secs(if killed == 0 { 20 } else { 1 })),
            killed
        );
        assert!(!pids.iter().any(|&pid| is_alive(pid)));
        logs.iter().for_each(|log| fs::write(log, "").unwrap());
    }
}

#[test]
fn a_program_that_cannot_be_started_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path(), "");
    options.program = Some(folder.path().join("nothing"));
    let error = LocalWorkers::start(options).unwrap_err();
    assert!(
        matches!(error, ClusterError::Start { .. }) && error.to_string().contains("/nothing"),
        "{error}"
    );
}
