//! What the states of the peers must be.

use super::{APART, Fact, LOST, Oracle, TAKEN, TWICE, fits};
use crate::ledger::{Committed, OpenTask, Phase, State};
use crate::replica::PeerId;
use crate::simulation::{World, builds};
use imgcalc_shared::build::BuildId;
use imgcalc_shared::task::FailureClass;
use std::collections::BTreeSet;

impl Oracle {
    /// What a state holds that a peer came to.
    fn look(&mut self, state: &State) {
        state.check();
        self.given_up |= !state.known().quarantined.is_empty();
        for (task, circumstances) in state.committed() {
            let outcome = &state.known().results[task];
            let found = (circumstances.token, outcome);
            let (token, first) = self
                .committed
                .entry(*task)
                .or_insert_with(|| (found.0, outcome.clone()));
            assert!((*token, &*first) == found, "{TWICE}: {task}");
            let token = circumstances.token.expect("nobody adopts results here");
            assert_eq!(
                self.handed_in.get(&token),
                Some(outcome),
                "nobody handed that result in"
            );
        }
    }

    /// Which attempts a state says are over.
    fn judge(&mut self, state: &State, now: u64, patience: u64) {
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
                Fact::Amendment(id, amendment) => {
                    let build = state.builds().get(id);
                    build.is_some_and(|build| !build.build.clone().amend(amendment))
                }
                Fact::Result(id, _) => state.committed().contains_key(id),
            };
            assert!(is, "{LOST}: peer {whose} does not know {fact:?}");
        }
        for (id, (wanted, _)) in &self.wanted {
            if let Some(wanted) = wanted {
                let phase = &state.builds()[id].phase;
                assert!(
                    fits(phase, *wanted),
                    "{LOST}: peer {whose} has {phase:?} for {id}, not {wanted:?}"
                );
            }
        }
    }
}

fn digest(state: &State) -> u64 {
    twox_hash::XxHash3_64::oneshot(&serde_json::to_vec(state).expect("a state serialises"))
}

impl World {
    /// Looks at a peer after its turn.
    pub(in crate::simulation) fn look_at(&mut self, id: PeerId) {
        let terms = self.options.terms;
        // A clock may be set by less than a heartbeat, which no leader notices.
        let patience = (terms.lease + terms.grace - terms.heartbeat).as_millis() as u64;
        let peer = self.peers.get_mut(&id).expect("it is there");
        let Some(node) = &mut peer.node else {
            return;
        };
        let (applied, leads) = (node.replica().applied(), node.leads());
        let state = node.state();
        if applied != peer.seen {
            peer.seen = applied;
            self.oracle.judge(state, self.now, patience);
            if applied.is_multiple_of(self.options.pace.entries_apart) {
                self.oracle.look(state);
                let found = digest(state);
                let first = *self.oracle.digests.entry(applied).or_insert(found);
                assert!(first == found, "{APART}: peer {id} at entry {applied}");
                self.trace = self.trace.rotate_left(7) ^ found;
            }
        }
        if leads && !peer.led {
            self.oracle.reigns += 1;
            self.oracle.remembers(state, id);
        }
        peer.led = leads;
    }

    /// Whoever is at an attempt holds it, as far as the leader knows.
    pub(in crate::simulation) fn check_attempts(&self) {
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
    pub(in crate::simulation) fn check_end(&mut self) {
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
