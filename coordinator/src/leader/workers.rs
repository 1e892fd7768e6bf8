//! The workers a leader knows, and what each holds. All of it is soft: a new leader learns it again.

use super::held::{Held, HeldAttempts};
use super::request::{Asked, LeaderError, Reply, WorkerFacts};
use crate::view::Account;
use imgcalc_shared::build::BuildId;
use imgcalc_shared::format::Family;
use imgcalc_shared::task::TaskId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A training waits this long for the worker that just finished its parent to ask again, ms: that takes a round trip,
/// and another worker would spend longer on a runner, columns and weights.
const RETURN_MS: u64 = 500;

/// A worker that is silent this long and holds nothing is forgotten, ms.
const SILENT_MS_MAX: u64 = 60_000;

#[derive(Debug, Default)]
pub(super) struct Workers {
    pub(super) known: BTreeMap<String, Known>,
    /// Those of them that have an open question for work.
    asking: BTreeSet<String>,
    /// Those that finished something a moment ago and may be about to ask.
    returning: BTreeSet<String>,
    /// All of them, by host.
    of_host: BTreeMap<Arc<str>, BTreeSet<String>>,
    pub(super) held: HeldAttempts,
    /// Workers that are to end.
    draining: BTreeSet<String>,
    /// Token of the last attempt given for a build: who was served longest ago.
    served: BTreeMap<BuildId, u64>,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) facts: WorkerFacts,
    pub(super) heard_at_ms: u64,
    /// Its open question for work.
    pub(super) asking: Option<Question>,
    /// What it did last and its runner may still hold.
    pub(super) finished: Option<Finished>,
    /// What its ended attempts have read.
    account: Account,
}

/// A worker's open question for work.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) reply: Reply<Asked>,
    pub(super) sequence: u64,
    /// By when it wants an answer.
    pub(super) until_ms: u64,
}

/// What a worker finished last.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) task: TaskId,
    pub(super) build: BuildId,
    /// Whose columns it read or made.
    pub(super) family: Option<Family>,
    pub(super) at_ms: u64,
}

impl Known {
    /// Whether it finished something a moment ago and is about to ask for more.
    pub(super) fn returns(&self, now_ms: u64) -> bool {
        let finished = self.finished.as_ref();
        self.asking.is_none() && finished.is_some_and(|finished| now_ms < finished.at_ms + RETURN_MS)
    }
}

impl Workers {
    pub(super) fn register(&mut self, facts: WorkerFacts, now_ms: u64) {
        let known = Known {
            facts,
            heard_at_ms: now_ms,
            asking: None,
            finished: None,
            account: Account::default(),
        };
        let name = known.facts.name.clone();
        self.forget(&name);
        let on_host = self.of_host.entry(known.facts.host.clone()).or_default();
        on_host.insert(name.clone());
        self.known.insert(name, known);
    }

    /// Forgets a worker; what it holds it still holds.
    pub(super) fn forget(&mut self, worker: &str) {
        let Some(known) = self.known.remove(worker) else {
            return;
        };
        self.asking.remove(worker);
        self.returning.remove(worker);
        if let Some(on_host) = self.of_host.get_mut(&known.facts.host) {
            on_host.remove(worker);
            if on_host.is_empty() {
                self.of_host.remove(&known.facts.host);
            }
        }
    }

    /// Forgets all of them.
    pub(super) fn forget_all(&mut self) {
        let names: Vec<String> = self.known.keys().cloned().collect();
        names.iter().for_each(|name| self.forget(name));
    }

    /// Whether anybody asks for work.
    pub(super) fn anybody_asks(&self) -> bool {
        !self.asking.is_empty()
    }

    /// Workers that ask for work or are about to.
    pub(super) fn candidates(&mut self, now_ms: u64) -> BTreeSet<String> {
        let known = &self.known;
        self.returning
            .retain(|name| known.get(name).is_some_and(|known| known.returns(now_ms)));
        &self.asking | &self.returning
    }

    /// All workers on the hosts of these.
    pub(super) fn neighbours(&self, workers: &BTreeSet<String>) -> BTreeSet<&String> {
        let known = workers.iter().filter_map(|name| self.known.get(name));
        let on_hosts = known.filter_map(|known| self.of_host.get(&known.facts.host));
        on_hosts.flatten().collect()
    }

    /// Notes that a worker was heard; whether it is known.
    pub(super) fn heard(&mut self, worker: &str, now_ms: u64) -> bool {
        let known = self.known.get_mut(worker);
        known.map(|known| known.heard_at_ms = now_ms).is_some()
    }

    /// Keeps a question for work until [`Workers::take_question`] or [`Workers::tire`] answers it.
    pub(super) fn ask(&mut self, worker: &str, reply: Reply<Asked>, sequence: u64, until_ms: u64) {
        if self.draining.contains(worker) {
            return drop(reply.send(Ok(Asked::Drain)));
        }
        match self.known.get_mut(worker) {
            Some(known) => {
                known.asking = Some(Question {
                    reply,
                    sequence,
                    until_ms,
                });
                self.asking.insert(worker.into());
                self.returning.remove(worker);
            }
            None => drop(reply.send(Ok(Asked::UnknownWorker))),
        }
    }

    /// Takes the question of a worker that is about to get a lease.
    pub(super) fn take_question(&mut self, worker: &str) -> Option<Question> {
        self.asking.remove(worker);
        self.known.get_mut(worker)?.asking.take()
    }

    /// Marks a worker that is to end, or no longer; whether it is known.
    pub(super) fn drain(&mut self, worker: &str, drain: bool) -> bool {
        if !drain {
            self.draining.remove(worker);
            return self.known.contains_key(worker);
        }
        let holds = self.held.of_worker(worker).next().is_some();
        if !self.known.contains_key(worker) {
            return holds;
        }
        self.draining.insert(worker.into());
        if let Some(question) = self.take_question(worker) {
            let _ = question.reply.send(Ok(Asked::Drain));
        }
        true
    }

    /// Whether a worker is to end.
    pub(super) fn is_draining(&self, worker: &str) -> bool {
        self.draining.contains(worker)
    }

    /// Answers questions that have waited long enough, and forgets workers that are silent.
    pub(super) fn tire(&mut self, now_ms: u64) {
        let tired = |question: &Question| question.until_ms <= now_ms || question.reply.is_closed();
        let (mut gone, mut silent) = (Vec::new(), Vec::new());
        for (name, known) in &self.known {
            match &known.asking {
                Some(question) if tired(question) => gone.push(name.clone()),
                Some(_) => {}
                None if known.heard_at_ms + SILENT_MS_MAX > now_ms => {}
                None if self.held.of_worker(name).next().is_some() => {}
                None => silent.push(name.clone()),
            }
        }
        for name in gone {
            if let Some(question) = self.take_question(&name) {
                let _ = question.reply.send(Ok(Asked::Nothing));
            }
        }
        silent.iter().for_each(|name| self.forget(name));
        self.draining.retain(|name| self.known.contains_key(name));
    }

    /// Tells all who wait that this peer no longer leads.
    pub(super) fn abandon(&mut self, error: &LeaderError) {
        for known in self.known.values_mut() {
            if let Some(question) = known.asking.take() {
                let _ = question.reply.send(Err(error.clone()));
            }
        }
    }

    /// Notes what a worker finished: what comes next of it is best done there.
    pub(super) fn finished(&mut self, held: &Held, family: Option<Family>, now_ms: u64) {
        if let Some(known) = self.known.get_mut(&held.worker) {
            known.finished = Some(Finished {
                task: held.task,
                build: held.build.clone(),
                family,
                at_ms: now_ms,
            });
            self.returning.insert(held.worker.clone());
        }
    }

    /// Adds what an attempt that ended has read.
    pub(super) fn charge(&mut self, worker: &str, account: Account) {
        if let Some(known) = self.known.get_mut(worker) {
            known.account += account;
        }
    }

    /// What a worker's attempts have read, ended and running.
    pub(super) fn account(&self, worker: &str) -> Account {
        let ended = self.known.get(worker).map(|known| known.account);
        let mut sum = ended.unwrap_or_default();
        for (_, held) in self.held.of_worker(worker) {
            sum += held.account;
        }
        sum
    }

    /// Notes that a build was given an attempt.
    pub(super) fn serve(&mut self, build: &BuildId, token: u64) {
        self.served.insert(build.clone(), token);
    }

    /// When a build was last served, as a number that rises; 0: never by this leader.
    pub(super) fn served(&self, build: &BuildId) -> u64 {
        self.served.get(build).copied().unwrap_or(0)
    }
}
