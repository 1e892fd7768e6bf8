//! What is wanted of builds: submitted, directed, amended, over.

use super::{BuildPhase, BuildState, State, refused};
use crate::ledger::{Effect, Ending, Wanted};
use imgcalc_shared::build::{Amendment, Build, BuildId};

impl State {
    pub(super) fn submit(&mut self, build: &Build, priority: i32, at_ms: u64) -> Effect {
        let id = build.id();
        let known = self.builds.contains_key(&id);
        // Amendments are made one by one, by a command of their own, and stay when the build is submitted again.
        let bare = Build {
            amendments: Vec::new(),
            ..build.clone()
        };
        let fresh = BuildState {
            build: bare,
            phase: BuildPhase::Running,
            submitted_at_ms: at_ms,
            priority,
        };
        let state = self.builds.entry(id.clone()).or_insert(fresh);
        if matches!(state.phase, BuildPhase::Cancelled | BuildPhase::Paused) {
            state.phase = BuildPhase::Running;
        }
        state.priority = priority;
        // Data may have moved: where it lies is not part of a build's identity.
        state.build.base = build.base.clone();
        Effect::Submitted { build: id, known }
    }

    pub(super) fn direct(&mut self, id: &BuildId, wanted: Option<Wanted>, priority: Option<i32>) -> Effect {
        let Some(state) = self.builds.get_mut(id) else {
            return refused(format!("there is no build {id}"));
        };
        if matches!(state.phase, BuildPhase::Ended { .. }) {
            return refused(format!("build {id} is over already"));
        }
        state.phase = match wanted {
            None => state.phase.clone(),
            Some(Wanted::Run) => BuildPhase::Running,
            Some(Wanted::Pause) => BuildPhase::Paused,
            Some(Wanted::Cancel) => BuildPhase::Cancelled,
        };
        state.priority = priority.unwrap_or(state.priority);
        Effect::Directed { build: id.clone() }
    }

    pub(super) fn amend(&mut self, id: &BuildId, amendment: &Amendment) -> Effect {
        let mut amendment = amendment.clone();
        if let Amendment::Slots { after, .. } = &mut amendment {
            *after = self.ended;
        }
        let amendment = &amendment;
        let Some(state) = self.builds.get_mut(id) else {
            return refused(format!("there is no build {id}"));
        };
        match &state.phase {
            BuildPhase::Cancelled => return refused(format!("build {id} is cancelled: resume it first")),
            BuildPhase::Ended {
                ending: Ending::Refused(why),
                ..
            } => return refused(format!("build {id} cannot be done: {why}")),
            BuildPhase::Running | BuildPhase::Paused | BuildPhase::Ended { .. } => {}
        }
        if let Some(why) = state.build.unfit(amendment) {
            return refused(why);
        }
        let known = !state.build.amend(amendment);
        // One that is paused stays so, and has more to do when it is resumed.
        if !known && matches!(state.phase, BuildPhase::Ended { .. }) {
            state.phase = BuildPhase::Running;
        }
        Effect::Amended {
            build: id.clone(),
            known,
        }
    }

    pub(super) fn reopen(&mut self, builds: &[BuildId]) {
        for id in builds {
            if let Some(state) = self.builds.get_mut(id)
                && matches!(state.phase, BuildPhase::Ended { .. })
            {
                state.phase = BuildPhase::Running;
            }
        }
    }

    pub(super) fn finish(&mut self, id: &BuildId, ending: &Ending, tasks: usize, at_ms: u64) -> Effect {
        match self.builds.get_mut(id) {
            Some(state) if state.phase == BuildPhase::Running => {
                state.phase = BuildPhase::Ended {
                    ending: ending.clone(),
                    tasks,
                    at_ms,
                };
                Effect::Finished { build: id.clone() }
            }
            Some(_) => refused(format!("build {id} is not running")),
            None => refused(format!("there is no build {id}")),
        }
    }
}
