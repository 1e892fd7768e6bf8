//! A group of coordinators and its workers: real processes, each behind lines that can be troubled, started, killed,
//! frozen and started again with the same command.

use crate::line::{Line, Lines};
use crate::processes::{self, Process, Role, within};
use crate::programs::{self, PATIENCE, Running, Said};
use crate::sandbox::Sandbox;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// So long a group may be without a leader when nothing troubles it.
const ELECTION_LIMIT: Duration = Duration::from_secs(180);
/// Until a coordinator listens.
const START_LIMIT: Duration = Duration::from_secs(180);
const LISTENS: &str = "listens on ";

/// A group. Dropping kills it.
#[derive(Debug)]
pub struct Group<'a> {
    /// Where all of it lies.
    pub sandbox: &'a Sandbox,
    /// Between all parties.
    pub lines: Lines,
    env: Vec<(String, String)>,
    serve: Vec<String>,
    credentials: Option<PathBuf>,
    coordinators: BTreeMap<u64, Party>,
    workers: BTreeMap<String, Party>,
}

#[derive(Debug)]
struct Party {
    command: Vec<String>,
    line: Option<Line>,
    running: Option<Running>,
    /// What its earlier lives said.
    said: Vec<String>,
}

/// The name a coordinator has among the lines.
pub fn coordinator(id: u64) -> String {
    format!("coordinator-{id}")
}

impl<'a> Group<'a> {
    /// A group of so many coordinators, none of which runs yet; `serve` are flags of each.
    pub fn new(sandbox: &'a Sandbox, size: u64, serve: &[&str]) -> Group<'a> {
        let mut group = Group {
            sandbox,
            lines: Lines::default(),
            env: Vec::new(),
            serve: serve.iter().map(ToString::to_string).collect(),
            credentials: None,
            coordinators: BTreeMap::new(),
            workers: BTreeMap::new(),
        };
        let lines: Vec<Line> = (1..=size).map(|id| group.lines.to(&coordinator(id))).collect();
        let peers: Vec<String> = (1..)
            .zip(&lines)
            .map(|(id, line)| format!("{id}={}", line.address()))
            .collect();
        for (id, line) in (1..).zip(lines) {
            let command = group.serve_command(id, &["--peers", &peers.join(",")]);
            group.coordinators.insert(id, Party::new(command, Some(line)));
        }
        group
    }

    /// Three coordinators and some workers that are all well.
    pub fn running(sandbox: &'a Sandbox, workers: &[&str]) -> Group<'a> {
        let mut group = Group::new(sandbox, 3, &[]);
        group.start();
        workers.iter().for_each(|name| group.start_worker(name, &[]));
        for name in workers {
            group.wait_for_worker(name);
        }
        group
    }

    /// What every program has in its environment from now on.
    pub fn set_env(&mut self, env: Vec<(String, String)>) {
        self.env = env;
    }

    /// The same with TLS: the folders `peer`, `worker` and `client` that `imgcalc certs new` made here.
    pub fn with_credentials(mut self, folder: PathBuf) -> Self {
        self.credentials = Some(folder);
        self
    }

    /// Starts all its coordinators and waits for a leader.
    pub fn start(&mut self) -> u64 {
        let ids: Vec<u64> = self.coordinators.keys().copied().collect();
        ids.into_iter().for_each(|id| self.start_coordinator(id));
        self.leader()
    }

    /// A coordinator that joins: adds it to those this helper knows and starts it.
    pub fn join(&mut self, id: u64) {
        let line = self.lines.to(&coordinator(id));
        let command = self.serve_command(id, &["--join", &self.addresses()]);
        self.coordinators.insert(id, Party::new(command, Some(line)));
        self.start_coordinator(id);
    }

    /// Starts a coordinator with its command and waits until it listens.
    ///
    /// # Panics
    /// If it ends instead.
    pub fn start_coordinator(&mut self, id: u64) {
        if let Err(said) = self.try_coordinator(id) {
            panic!("coordinator {id} does not start:\n{}", said.stderr);
        }
    }

    /// Starts a coordinator with its command and waits until it listens or has ended; then what it said.
    pub fn try_coordinator(&mut self, id: u64) -> Result<(), Said> {
        let mut running = self.launch_coordinator(id);
        let mut address = None;
        let known = within(START_LIMIT, || {
            address = address_in(&running.stderr());
            address.is_some() || running.is_over()
        });
        assert!(
            known,
            "coordinator {id} neither listens nor ends:\n{}",
            running.stderr()
        );
        let party = self
            .coordinators
            .get_mut(&id)
            .expect("a coordinator of the group");
        party.running = Some(running);
        if address.is_none() {
            return Err(party.reap());
        }
        party.line.as_ref().expect("it has a line").leads_to(address);
        Ok(())
    }

    fn launch_coordinator(&mut self, id: u64) -> Running {
        let party = &self.coordinators[&id];
        assert!(party.running.is_none(), "coordinator {id} runs already");
        let arguments: Vec<&str> = party.command.iter().map(String::as_str).collect();
        let mut command = self.with_env(self.sandbox.command(&arguments), "peer");
        command.env("RUST_LOG", "info");
        self.begin(&coordinator(id), &mut command)
    }

    /// Starts a worker of one thread, or starts it again.
    pub fn start_worker(&mut self, name: &str, more: &[&str]) {
        let addresses = self.addresses();
        let party = self.workers.entry(name.into()).or_insert_with(|| {
            let command = ["--coordinators", &addresses, "--name", name, "--threads", "1"];
            Party::new(
                [&command[..], more]
                    .concat()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                None,
            )
        });
        assert!(party.running.is_none(), "worker {name} runs already");
        let arguments = party.command.clone();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.with_env(self.sandbox.worker(&arguments), "worker");
        let running = self.begin(name, &mut command);
        self.workers.get_mut(name).expect("inserted above").running = Some(running);
    }

    /// The addresses of its coordinators, with commas between them.
    pub fn addresses(&self) -> String {
        let all: Vec<&str> = self.coordinators.values().filter_map(Party::address).collect();
        all.join(",")
    }

    /// Where one coordinator is called.
    pub fn address(&self, id: u64) -> String {
        self.coordinators[&id]
            .address()
            .expect("it has a line")
            .to_string()
    }

    /// Runs a verb at the group.
    pub fn ask(&self, arguments: &[&str]) -> Said {
        self.asking(arguments).finish(PATIENCE)
    }

    /// Starts a verb at the group.
    pub fn asking(&self, arguments: &[&str]) -> Running {
        self.asking_at(&self.addresses(), arguments)
    }

    /// Starts a verb at some coordinators.
    pub fn asking_at(&self, to: &str, arguments: &[&str]) -> Running {
        let command = self.sandbox.command(&[arguments, &["--to", to]].concat());
        programs::start(&mut self.with_env(command, "client"))
    }

    /// Runs a verb that needs no coordinator, in the environment of the group.
    pub fn tool(&self, arguments: &[&str]) -> Said {
        programs::run(&mut self.with_env(self.sandbox.command(arguments), "client"))
    }

    /// The workers it knows.
    ///
    /// # Panics
    /// If it does not say.
    pub fn workers(&self) -> Vec<Value> {
        let said = self.ask(&["workers", "list", "--json"]).json();
        said.as_array().expect("a list of workers").clone()
    }

    /// Waits until it knows a worker.
    ///
    /// # Panics
    /// If that takes too long.
    pub fn wait_for_worker(&self, name: &str) {
        let there = within(PATIENCE, || {
            self.workers().iter().any(|worker| worker["name"] == name)
        });
        assert!(there, "{name} registers");
    }

    /// What `imgcalc status` says of the latest build.
    pub fn status(&self) -> Value {
        self.ask(&["status", "--json"]).json()
    }

    /// Who leads now; waits for it.
    ///
    /// # Panics
    /// If nobody does in time.
    pub fn leader(&self) -> u64 {
        let mut leader = None;
        let mut last = String::new();
        let found = within(ELECTION_LIMIT, || {
            let said = self.ask(&["peers", "list", "--json"]);
            last = format!("{}\n{}", said.stdout, said.stderr);
            leader = serde_json::from_str(&said.stdout)
                .ok()
                .and_then(|members| leader_in(&members));
            leader.is_some()
        });
        assert!(found, "nobody leads: {last}");
        leader.expect("found above")
    }

    /// Ids of its coordinators that run.
    pub fn running_coordinators(&self) -> Vec<u64> {
        let running = self
            .coordinators
            .iter()
            .filter(|(_, party)| party.running.is_some());
        running.map(|(id, _)| *id).collect()
    }

    /// The process of a coordinator that runs.
    pub fn coordinator(&mut self, id: u64) -> &mut Running {
        let party = self
            .coordinators
            .get_mut(&id)
            .expect("a coordinator of the group");
        party.running.as_mut().expect("it runs")
    }

    /// The process of a worker that runs.
    pub fn worker(&mut self, name: &str) -> &mut Running {
        let party = self.workers.get_mut(name).expect("a worker of the group");
        party.running.as_mut().expect("it runs")
    }

    /// The runners that live now.
    pub fn runners(&self) -> Vec<Process> {
        let mut found = self.sandbox.processes();
        found.retain(|process| process.role == Role::Runner);
        found
    }

    /// A worker and what it started, to be frozen together.
    pub fn worker_with_runner(&mut self, name: &str) -> Vec<i32> {
        let pid = self.worker(name).pid();
        let mut all = vec![pid];
        all.extend(processes::children(pid));
        all
    }

    /// Kills a coordinator as the power does.
    pub fn kill_coordinator(&mut self, id: u64) {
        self.end_coordinator(id, Signal::KILL);
    }

    /// Sends a signal to a coordinator and waits for its end.
    pub fn end_coordinator(&mut self, id: u64, signal: Signal) -> Said {
        self.coordinator(id).signal(signal);
        self.reap_coordinator(id)
    }

    /// Waits for a coordinator's end, which something brings about.
    pub fn reap_coordinator(&mut self, id: u64) -> Said {
        let party = self
            .coordinators
            .get_mut(&id)
            .expect("a coordinator of the group");
        party.line.as_ref().expect("it has a line").leads_to(None);
        party.reap()
    }

    /// Sends a signal to a worker and waits for its end.
    pub fn end_worker(&mut self, name: &str, signal: Signal) -> Said {
        self.worker(name).signal(signal);
        self.reap_worker(name)
    }

    /// Waits for a worker's end, which something brings about.
    pub fn reap_worker(&mut self, name: &str) -> Said {
        self.workers.get_mut(name).expect("a worker of the group").reap()
    }

    /// What every party said so far, in all its lives.
    pub fn logs(&self) -> Vec<(String, String)> {
        let coordinators = self
            .coordinators
            .iter()
            .map(|(id, party)| (coordinator(*id), party));
        let workers = self.workers.iter().map(|(name, party)| (name.clone(), party));
        coordinators
            .chain(workers)
            .map(|(name, party)| (name, party.all_said()))
            .collect()
    }

    /// Tells all to end, as an operator does, workers first; none may be left.
    pub fn end(&mut self) {
        let mut workers: Vec<String> = self.workers.keys().cloned().collect();
        workers.retain(|name| self.workers[name].running.is_some());
        for name in &workers {
            self.worker(name).signal(Signal::TERM);
        }
        for name in &workers {
            self.reap_worker(name).ok();
        }
        for id in self.running_coordinators() {
            self.end_coordinator(id, Signal::TERM).ok();
        }
        self.sandbox.assert_nothing_runs("the end of the group");
    }

    fn serve_command(&self, id: u64, more: &[&str]) -> Vec<String> {
        let (data_dir, id) = (coordinator(id), id.to_string());
        let first = [
            "--data-dir",
            &data_dir,
            "serve",
            "--id",
            &id,
            "--listen",
            "127.0.0.1:0",
        ];
        let flags: Vec<&str> = self.serve.iter().map(String::as_str).collect();
        let all = [&first[..], more, &flags].concat();
        all.iter().map(ToString::to_string).collect()
    }

    fn with_env(&self, mut command: Command, role: &str) -> Command {
        command.envs(self.env.iter().cloned());
        if let Some(credentials) = &self.credentials {
            command.env("IMGCALC_CREDENTIALS", credentials.join(role));
        }
        command
    }

    fn begin(&self, party: &str, command: &mut Command) -> Running {
        self.lines.start(party, || {
            let running = programs::start(command);
            (running.pid(), running)
        })
    }
}

impl Party {
    fn new(command: Vec<String>, line: Option<Line>) -> Party {
        Party {
            command,
            line,
            running: None,
            said: Vec::new(),
        }
    }

    fn address(&self) -> Option<&str> {
        self.line.as_ref().map(Line::address)
    }

    fn reap(&mut self) -> Said {
        let said = self.running.take().expect("it runs").finish(PATIENCE);
        self.said.push(said.stderr.clone());
        said
    }

    fn all_said(&self) -> String {
        let now = self.running.iter().map(Running::stderr);
        self.said.iter().cloned().chain(now).collect()
    }
}

/// Who leads by the word of the leader itself.
fn leader_in(members: &Value) -> Option<u64> {
    let answered_by = members["answered_by"].as_u64()?;
    let leads = |member: &&Value| member["leads"] == true && member["id"] == answered_by;
    members["members"]
        .as_array()?
        .iter()
        .find(leads)
        .map(|_| answered_by)
}

/// The address in what a coordinator says at its start.
fn address_in(said: &str) -> Option<String> {
    let (_, rest) = said.split_once(LISTENS)?;
    let (address, _) = rest.split_once(';')?;
    Some(address.to_string())
}
