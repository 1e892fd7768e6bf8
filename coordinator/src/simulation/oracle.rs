//! What must be true, looked at after every turn of every peer and at every answer.

use super::World;
use super::ask::{Answer, Ask};
use super::builds;
use super::world::Call;
use crate::leader::{Asked, LeaderError, Lease, Said};
use crate::ledger::{BuildPhase, Committed, OpenTask, Phase, State, Wanted};
use crate::replica::PeerId;
use imgcalc_shared::build::BuildId;
use imgcalc_shared::task::{FailureClass, Outcome, TaskId};
use std::collections::{BTreeMap, BTreeSet};

/// An attempt was taken from a worker too soon.
pub(super) const TAKEN: &str = "taken from a worker";

/// What was acknowledged and must never be lost.
#[derive(Clone, Debug)]
enum Fact {
    Build(BuildId),
    Result(TaskId),
}

/// What was acknowledged at some time.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    facts: usize,
    phases: BTreeMap<BuildId, (Wanted, u64)>,
}

#[derive(Default)]
pub(super) struct Oracle {
    acknowledged: Vec<Fact>,
    /// What is wanted of a build, where nothing else was asked since; and how often something was asked.
    wanted: BTreeMap<BuildId, (Option<Wanted>, u64)>,
    /// Results by the attempts that handed them in.
    handed_in: BTreeMap<u64, Outcome>,
    /// Leases that were given, by token.
    leases: BTreeMap<u64, (TaskId, String)>,
    /// Results seen in any peer's state.
    committed: BTreeMap<TaskId, (Option<u64>, Outcome)>,
    /// Digest of the state by the index it is of.
    digests: BTreeMap<u64, u64>,
    /// When a leader last heard an attempt that it did not end.
    heard: BTreeMap<u64, u64>,
    /// Attempts that a worker is at: it knows of them, works or hands over, and was not told to stop.
    at_it: BTreeSet<u64>,
    heard_of: BTreeSet<u64>,
    judged: BTreeSet<u64>,
    /// Attempts that a worker began.
    pub(super) begun: usize,
    /// Attempts that ended without any worker having known of them.
    pub(super) unheard: usize,
    /// Attempts that were taken from workers that were at it.
    pub(super) taken_alive: usize,
    /// How often a peer took the lead.
    pub(super) reigns: usize,
    /// Looks that were answered.
    pub(super) looks: usize,
}

impl Oracle {
    pub(super) fn known(&self) -> Known {
        let sure = |(id, (wanted, changes)): (&BuildId, &(Option<Wanted>, u64))| {
            wanted.map(|wanted| (id.clone(), (wanted, *changes)))
        };
        Known {
            facts: self.acknowledged.len(),
            phases: self.wanted.iter().filter_map(sure).collect(),
        }
    }

    /// Something is asked: what is wanted of its build is open from now on.
    pub(super) fn asked(&mut self, ask: &Ask) {
        if let Some(build) = ask.directs() {
            let (wanted, changes) = self.wanted.entry(build).or_default();
            (*wanted, *changes) = (None, *changes + 1);
        }
    }

    /// A worker hears of its attempt.
    pub(super) fn begins(&mut self, token: u64) {
        self.begun += 1;
        self.heard_of.insert(token);
        self.at_it.insert(token);
    }

    /// A worker is no longer at its attempt, by itself, or because it was told.
    pub(super) fn leaves(&mut self, token: u64) {
        self.at_it.remove(&token);
    }

    /// Results that were acknowledged.
    pub(super) fn results(&self) -> usize {
        let is_result = |fact: &&Fact| matches!(fact, Fact::Result(_));
        self.acknowledged.iter().filter(is_result).count()
    }

    pub(super) fn hands_in(&mut self, token: u64, outcome: &Outcome) {
        self.handed_in.insert(token, outcome.clone());
    }

    /// A peer answers; `open`: another question about the same build is under way.
    pub(super) fn said(&mut self, call: &Call, said: &Result<Answer, LeaderError>, open: bool, now: u64) {
        let Ok(answer) = said else {
            return;
        };
        match (&call.ask, answer) {
            (Ask::Submit(build), _) => {
                self.acknowledged.push(Fact::Build(build.id()));
                self.sure(build.id(), Wanted::Run, open);
            }
            (Ask::Direct(build, wanted), _) => self.sure(build.clone(), *wanted, open),
            (Ask::Complete(task, token, _), Answer::Said(said)) => match said {
                Said::Committed | Said::AlreadyCommitted => self.acknowledged.push(Fact::Result(*task)),
                Said::Refused(why) => panic!("the result of token {token} is refused: {why}"),
            },
            (Ask::Lease(worker, ..), Answer::Asked(Asked::Lease(lease))) => {
                let whose = (lease.task.id(), worker.clone());
                let before = self.leases.insert(lease.token, whose);
                assert!(before.is_none(), "token {} is given twice", lease.token);
                self.heard.insert(lease.token, call.taken_at);
            }
            (Ask::Progress(progress), Answer::Directive(directive)) if directive.stop.is_none() => {
                let (task, worker) = &self.leases[&progress.token];
                assert!(
                    (*task, worker) == (progress.task, &progress.worker),
                    "an attempt goes on that was not given"
                );
                let heard = self.heard.entry(progress.token).or_default();
                *heard = call.taken_at.max(*heard);
            }
            (Ask::Overview, Answer::Overview(overview)) => {
                self.looks += 1;
                let shown = |id: &BuildId| overview.builds.iter().find(|build| build.id == *id);
                for fact in &self.acknowledged[..call.known.facts] {
                    if let Fact::Build(id) = fact {
                        assert!(shown(id).is_some(), "a look at {now} does not show build {id}");
                    }
                }
                for (id, (wanted, changes)) in &call.known.phases {
                    if self.wanted[id].1 == *changes {
                        let phase = shown(id).map(|build| &build.phase);
                        let is = phase.is_some_and(|phase| fits(phase, *wanted));
                        assert!(
                            is,
                            "a look shows {phase:?} of {id} where {wanted:?} was acknowledged"
                        );
                    }
                }
            }
            (Ask::View(_), Answer::View(view)) => {
                self.looks += 1;
                for fact in &self.acknowledged[..call.known.facts] {
                    if let Fact::Result(task) = fact
                        && view.attempts.iter().any(|shown| shown.task == *task)
                    {
                        assert!(
                            view.results.contains_key(task),
                            "a look at {now} does not show {task}"
                        );
                    }
                }
            }
            _ => {}
        }
    }

    fn sure(&mut self, build: BuildId, wanted: Wanted, open: bool) {
        let entry = self.wanted.entry(build).or_default();
        entry.0 = (!open).then_some(wanted);
    }

    /// What a state holds that a peer came to.
    fn look(&mut self, state: &State, now: u64, patience: u64) {
        state.check();
        for (task, circumstances) in state.committed() {
            let outcome = &state.known().results[task];
            let found = (circumstances.token, outcome);
            let (token, first) = self
                .committed
                .entry(*task)
                .or_insert_with(|| (found.0, outcome.clone()));
            assert!((*token, &*first) == found, "{task} is committed twice");
            let token = circumstances.token.expect("nobody adopts results here");
            assert_eq!(
                self.handed_in.get(&token),
                Some(outcome),
                "nobody handed that result in"
            );
        }
        let open = state.open().values().flat_map(|open| &open.attempts);
        let committed = state
            .committed()
            .values()
            .flat_map(|committed| &committed.attempts);
        for attempt in open.chain(committed) {
            let Some((class, why)) = &attempt.failure else {
                continue;
            };
            if !self.judged.insert(attempt.token) {
                continue;
            }
            let at_it = self.at_it.contains(&attempt.token);
            self.taken_alive += usize::from(at_it);
            self.unheard += usize::from(!self.heard_of.contains(&attempt.token));
            if *class != FailureClass::WorkerLost {
                assert!(
                    !at_it,
                    "{TAKEN}: token {} of {}, which is at it ({why})",
                    attempt.token, attempt.worker
                );
                continue;
            }
            let heard = self.heard.get(&attempt.token).copied().unwrap_or(0);
            let silent_ms = now - heard;
            assert!(
                silent_ms >= patience,
                "{TAKEN}: token {} of {}, silent for {silent_ms} ms",
                attempt.token,
                attempt.worker
            );
        }
    }

    /// A peer that leads knows everything that was ever acknowledged.
    fn remembers(&self, state: &State, whose: PeerId) {
        for fact in &self.acknowledged {
            let is = match fact {
                Fact::Build(id) => state.builds().contains_key(id),
                Fact::Result(id) => state.committed().contains_key(id),
            };
            assert!(is, "peer {whose} does not know {fact:?}");
        }
        for (id, (wanted, _)) in &self.wanted {
            if let Some(wanted) = wanted {
                let phase = &state.builds()[id].phase;
                assert!(
                    fits(phase, *wanted),
                    "peer {whose} has {phase:?} for {id}, not {wanted:?}"
                );
            }
        }
    }

    /// What an attempt finds out: the same as any other at its task, but for its own mark.
    pub(super) fn outcome_of(&self, lease: &Lease) -> Result<Outcome, FailureClass> {
        Ok(builds::marked(builds::outcome(&lease.task), lease.token))
    }
}

fn fits(phase: &BuildPhase, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Run => matches!(phase, BuildPhase::Running | BuildPhase::Ended { .. }),
        Wanted::Pause => *phase == BuildPhase::Paused,
        Wanted::Cancel => *phase == BuildPhase::Cancelled,
    }
}

fn digest(state: &State) -> u64 {
    twox_hash::XxHash3_64::oneshot(&serde_json::to_vec(state).expect("a state serialises"))
}

impl World {
    /// Looks at a peer after its turn.
    pub(super) fn look_at(&mut self, id: PeerId) {
        let terms = self.options.terms;
        // A clock may be set by less than a heartbeat, which no leader notices.
        let patience = (terms.lease + terms.grace - terms.heartbeat).as_millis() as u64;
        let peer = self.peers.get_mut(&id).expect("it is there");
        let Some(node) = &mut peer.node else {
            return;
        };
        let (applied, leads) = (node.replica().applied(), node.leads());
        if applied != peer.seen {
            peer.seen = applied;
            let state = node.state();
            self.oracle.look(state, self.now, patience);
            let found = digest(state);
            let first = *self.oracle.digests.entry(applied).or_insert(found);
            assert_eq!(
                first, found,
                "peer {id} has another state than others at entry {applied}"
            );
            self.trace = self.trace.rotate_left(7) ^ found;
        }
        if leads && !peer.led {
            self.oracle.reigns += 1;
            self.oracle.remembers(node.state(), id);
        }
        peer.led = leads;
    }

    /// Whoever is at an attempt holds it, as far as the leader knows.
    pub(super) fn check_attempts(&self) {
        let leader = self.leader().expect("the group is whole");
        let state = self.peers[&leader].node.as_ref().expect("it leads").state();
        self.oracle.remembers(state, leader);
        let held = |token: &u64| {
            let of_open = |open: &OpenTask| open.phase == Phase::Leased(*token);
            let of_committed = |committed: &Committed| committed.token == Some(*token);
            state.open().values().any(of_open) || state.committed().values().any(of_committed)
        };
        let lost = self.oracle.at_it.iter().filter(|token| !held(token));
        assert!(lost.count() <= self.oracle.taken_alive);
    }

    /// Everything ended: all members have the same, and it is what an undisturbed run gives.
    pub(super) fn check_end(&mut self) {
        let members = self.operator.members().to_vec();
        let mut applied = BTreeSet::new();
        for id in &members {
            let peer = self.peers.get_mut(id).expect("it is there");
            assert!(!peer.gone, "member {id} takes itself for removed");
            let node = peer.node.as_mut().expect("everything was healed");
            applied.insert(node.replica().applied());
            let state = node.state();
            self.oracle.remembers(state, *id);
            assert!(
                state.known().quarantined.is_empty(),
                "tasks are given up at the end"
            );
        }
        assert_eq!(applied.len(), 1, "all members are as far: {applied:?}");
        let node = self.peers[&members[0]].node.as_ref().expect("seen above");
        let submitted: BTreeSet<BuildId> = self.builds_of_persons().map(|build| build.id()).collect();
        for (build, undisturbed) in builds::all() {
            if submitted.contains(&build.id()) {
                builds::check_end(node.state(), build, undisturbed);
            }
        }
    }
}
