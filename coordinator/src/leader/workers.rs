//! The workers a leader knows, and what each holds. All of it is soft: a new leader learns it again.

use super::request::{Asked, Lease, Progress, Reply, WorkerFacts};
use imgcalc_shared::build::BuildId;
use imgcalc_shared::task::TaskId;
use std::collections::BTreeMap;

/// A worker that is silent this long and holds nothing is forgotten, ms.
const SILENT_MS_MAX: u64 = 60_000;

#[derive(Debug, Default)]
pub(super) struct Workers {
    pub(super) known: BTreeMap<String, Known>,
    /// Attempts that run, by fencing token.
    pub(super) held: BTreeMap<u64, Held>,
    /// Token of the last attempt given for a build: who was served longest ago.
    served: BTreeMap<BuildId, u64>,
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) facts: WorkerFacts,
    pub(super) heard_at_ms: u64,
    /// Its open question for work, with the time by which it wants an answer.
    pub(super) asking: Option<(Reply<Asked>, u64)>,
    /// What it did last and its runner may still hold.
    pub(super) finished: Option<Finished>,
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
    pub(super) build: Option<BuildId>,
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

    /// Keeps a question for work until [`Workers::give`] or [`Workers::tire`] answers it.
    pub(super) fn ask(&mut self, worker: &str, reply: Reply<Asked>, until_ms: u64) {
        match self.known.get_mut(worker) {
            Some(known) => known.asking = Some((reply, until_ms)),
            None => drop(reply.send(Ok(Asked::UnknownWorker))),
        }
    }

    /// Takes the question of a worker that is about to get a lease.
    pub(super) fn take_question(&mut self, worker: &str) -> Option<Reply<Asked>> {
        self.known.get_mut(worker)?.asking.take().map(|(reply, _)| reply)
    }

    /// Answers questions that have waited long enough, and forgets workers that are silent.
    pub(super) fn tire(&mut self, now_ms: u64) {
        for known in self.known.values_mut() {
            if known
                .asking
                .as_ref()
                .is_some_and(|(reply, until)| *until <= now_ms || reply.is_closed())
                && let Some((reply, _)) = known.asking.take()
            {
                let _ = reply.send(Ok(Asked::Nothing));
            }
        }
        let holders: Vec<String> = self.held.values().map(|held| held.worker.clone()).collect();
        self.known.retain(|name, known| {
            known.asking.is_some() || known.heard_at_ms + SILENT_MS_MAX > now_ms || holders.contains(name)
        });
    }

    /// Notes what a worker finished: what comes next of it is best done there.
    pub(super) fn finished(&mut self, held: &Held, now_ms: u64) {
        if let (Some(known), Some(build)) = (self.known.get_mut(&held.worker), &held.build) {
            known.finished = Some(Finished {
                task: held.task,
                build: build.clone(),
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
        let of_build = |held: &&Held| held.build.as_ref() == Some(build);
        self.held.values().filter(of_build).count()
    }

    /// What a worker holds.
    pub(super) fn holding(&self, worker: &str) -> Option<&Held> {
        self.held.values().find(|held| held.worker == worker)
    }
}

impl Held {
    pub(super) fn of(lease: &Lease, worker: &str, now_ms: u64) -> Held {
        Held {
            task: lease.task.id(),
            what: lease.task.to_string(),
            profile: lease.task.is_profile(),
            worker: worker.into(),
            build: Some(lease.build.clone()),
            heard_at_ms: now_ms,
            progress: None,
        }
    }
}
