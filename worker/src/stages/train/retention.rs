//! What goes from the base once a training's result is committed: the checkpoints of all its attempts. Until then they
//! stay: they are what a lost result is got back from.
//!
//! Weights stay, all of them, and so do the states of legs: whatever search goes on from one may decide so much later. A task's id is the same in every ledger, so several may use one base; what one of them
//! takes for the weights of a lost attempt, another may name in a result.

use super::keys;
use crate::data::Base;
use crate::failure::Failure;
use imgcalc_shared::task::TaskId;

/// Deletes the checkpoints of all attempts of a committed task; returns how many objects.
pub fn tidy(base: &Base, task: TaskId) -> Result<usize, Failure> {
    let mut deleted = 0;
    for (key, _) in base.list(&keys::folder(task))? {
        if keys::place_and_token(task, &key).is_some() {
            base.delete(&key)?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgcalc_engine::Place;
    use imgcalc_shared::digest::Digest;

    #[test]
    fn after_a_commit_checkpoints_go_and_all_weights_and_states_stay() {
        let base = Base::open("memory://").unwrap();
        let task = TaskId(Digest::of(b"task"));
        let place = |epoch, step| Place { epoch, step };
        let stay = [
            keys::weights(task, 1, &Digest::of(b"1")),
            keys::weights(task, 2, &Digest::of(b"2")),
            keys::state(task, 2, &Digest::of(b"2")),
            keys::weights(TaskId(Digest::of(b"other")), 1, &Digest::of(b"1")),
            keys::checkpoint(TaskId(Digest::of(b"other")), 1, place(3, 0)),
            format!("{}/attempt-1/notes", keys::folder(task)),
        ];
        let go = [
            keys::checkpoint(task, 1, place(3, 0)),
            keys::checkpoint(task, 2, place(3, 4)),
        ];
        for key in stay.iter().chain(&go) {
            base.put(key, b"x".to_vec()).unwrap();
        }
        assert_eq!(tidy(&base, task).unwrap(), 2);
        assert!(stay.iter().all(|key| base.exists(key).unwrap()));
        assert!(go.iter().all(|key| !base.exists(key).unwrap()));
    }
}
