//! What must hold of the machine between any two commands.

use super::{Phase, State};
use imgcalc_shared::build::Build;
use imgcalc_shared::task::TaskId;
use std::collections::BTreeSet;

impl State {
    /// Checks what must hold between commands; tests call it after every step.
    ///
    /// # Panics
    /// If it does not hold.
    pub fn check(&self) {
        let mut tokens = BTreeSet::new();
        for state in self.builds.values() {
            let mut bare = Build {
                amendments: Vec::new(),
                ..state.build.clone()
            };
            for amendment in &state.build.amendments {
                assert_eq!(bare.unfit(amendment), None, "an amendment fits its build");
                assert!(
                    bare.amend(amendment),
                    "an amendment asks for more than those before it"
                );
            }
        }
        for (id, open) in &self.open {
            assert_eq!(*id, open.task.id(), "an open task is filed under its own name");
            assert!(!self.results.contains_key(id), "an open task has no result");
            assert_eq!(
                open.phase == Phase::Quarantined,
                self.quarantined.contains(id),
                "the quarantine is one"
            );
            if let Phase::Leased(token) = open.phase {
                let last = open.attempts.last().expect("a leased task has an attempt");
                assert!(
                    last.token == token && last.failure.is_none(),
                    "the last attempt holds the task"
                );
            }
            for attempt in &open.attempts {
                assert!(tokens.insert(attempt.token), "a token belongs to one attempt");
            }
        }
        for (id, circumstances) in &self.committed {
            assert_eq!(
                *id,
                circumstances.task.id(),
                "a result is filed under its task's name"
            );
            assert!(
                circumstances.task.accepts(&self.results[id]),
                "a result answers its task"
            );
            for attempt in &circumstances.attempts {
                assert!(tokens.insert(attempt.token), "a token belongs to one attempt");
            }
        }
        assert_eq!(
            self.results.len(),
            self.committed.len(),
            "every result has its circumstances"
        );
        assert!(
            tokens.iter().all(|token| *token <= self.next_token),
            "tokens rise"
        );
        // What ended before the order was kept has none.
        let places: BTreeSet<u64> = self.order.values().map(|over| over.place).collect();
        assert_eq!(places.len(), self.order.len(), "no two tasks end at once");
        let over = |id: &TaskId| self.results.contains_key(id) || self.quarantined.contains(id);
        assert!(
            self.order.keys().all(over),
            "what has ended has a result or none ever"
        );
        assert!(
            self.quarantined.iter().all(|id| self.open.contains_key(id)),
            "the quarantine holds open tasks"
        );
    }
}
