//! The workers a leader knows, and what each holds. All of it is soft: a new leader learns it again.

use super::request::{Asked, LeaderError, Lease, Progress, Reply, WorkerFacts};
use imgcalc_shared::build::BuildId;
use imgcalc_shared::task::TaskId;
use std::collections::{BTreeMap, BTreeSet};

/// A worker that is silent this long and holds nothing is forgotten, ms.
const SILENT_MS_MAX: u64 = 60_000;

#[derive(Debug, Default)]
pub(super) struct Workers {
    pub(super) known: BTreeMap<String, Known>,
    /// Attempts that run, by fencing token.
    pub(super) held: BTreeMap<u64, Held>,
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
    pub(super) at_ms: u64,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) task: TaskId,
    pub(super) what: String,
    pub(super) profile: bool,
    pub(super) worker: String,
    pub(super) host: String,
    pub(super) build: BuildId,
    /// Of the question that it answered.
    pub(super) sequence: u64,
    pub(super) heard_at_ms: u64,
    pub(super) progress: Option<Progress>,
}

impl Workers {
    pub(super) fn register(&mut self, facts: WorkerFacts, now_ms: u64) {
        let known = Known {
            facts,
            heard_at_ms: now_ms,
            asking: None,
            finished: None,
        };
        self.known.insert(known.facts.name.clone(), known);
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
                })
            }
            None => drop(reply.send(Ok(Asked::UnknownWorker))),
        }
    }

    /// Takes the question of a worker that is about to get a lease.
    pub(super) fn take_question(&mut self, worker: &str) -> Option<Question> {
        self.known.get_mut(worker)?.asking.take()
    }

    /// Marks a worker that is to end, or no longer; whether it is known.
    pub(super) fn drain(&mut self, worker: &str, drain: bool) -> bool {
        if !drain {
            self.draining.remove(worker);
            return self.known.contains_key(worker);
        }
        let holds = self.holding(worker).is_some();
        let Some(known) = self.known.get_mut(worker) else {
            return holds;
        };
        self.draining.insert(worker.into());
        if let Some(question) = known.asking.take() {
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
        for known in self.known.values_mut() {
            if known.asking.as_ref().is_some_and(tired)
                && let Some(question) = known.asking.take()
            {
                let _ = question.reply.send(Ok(Asked::Nothing));
            }
        }
        let holders: BTreeSet<&str> = self.held.values().map(|held| held.worker.as_str()).collect();
        self.known.retain(|name, known| {
            known.asking.is_some()
                || known.heard_at_ms + SILENT_MS_MAX > now_ms
                || holders.contains(name.as_str())
        });
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
    pub(super) fn finished(&mut self, held: &Held, now_ms: u64) {
        if let Some(known) = self.known.get_mut(&held.worker) {
            known.finished = Some(Finished {
                task: held.task,
                build: held.build.clone(),
                at_ms: now_ms,
            });
        }
    }

    /// Notes that a build was given an attempt.
    pub(super) fn serve(&mut self, build: &BuildId, token: u64) {
        self.served.insert(build.clone(), token);
    }

    /// When a build was last served, as a number that rises; 0: never by this leader.
    pub(super) fn served(&self, build: &BuildId) -> u64 {
        self.served.get(build).copied().unwrap_or(0)
    }

    /// How many attempts of a build run.
    pub(super) fn held_by(&self, build: &BuildId) -> usize {
        let of_build = |held: &&Held| held.build == *build;
        self.held.values().filter(of_build).count()
    }

    /// What a worker holds.
    pub(super) fn holding(&self, worker: &str) -> Option<&Held> {
        self.held.values().find(|held| held.worker == worker)
    }
}

impl Held {
    pub(super) fn of(lease: &Lease, worker: &str, host: &str, sequence: u64, now_ms: u64) -> Held {
        Held {
            task: lease.task.id(),
            what: lease.task.to_string(),
            profile: lease.task.is_profile(),
            worker: worker.into(),
            host: host.into(),
            build: lease.build.clone(),
            sequence,
            heard_at_ms: now_ms,
            progress: None,
        }
    }
}
