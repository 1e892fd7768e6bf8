//! What stays in the base of a training whose result is committed: the weights the result names, and nothing else.

use super::keys;
use crate::data::Base;
use crate::failure::Failure;
use imgcalc_shared::task::TaskId;

/// Which weights of a committed task no result names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unnamed {
    /// All but these, which the commit names.
    AllBut(String),
    /// These: the commit names another attempt's.
    Only(String),
    /// Not known.
    Unknown,
}

/// Deletes the checkpoints of all attempts of a committed task, and the weights no result names; returns how many objects.
/// Until the commit they all stay: they are what a lost result is got back from.
pub fn tidy(base: &Base, task: TaskId, unnamed: &Unnamed) -> Result<usize, Failure> {
    let mut deleted = 0;
    for (key, _) in base.list(&keys::folder(task))? {
        let goes = keys::place_and_token(task, &key).is_some()
            || keys::is_weights(task, &key)
                && match unnamed {
                    Unnamed::AllBut(named) => key != *named,
                    Unnamed::Only(weights) => key == *weights,
                    Unnamed::Unknown => false,
                };
        if goes {
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

    fn left(unnamed: impl Fn(&str, &str) -> Unnamed) -> Vec<String> {
        let base = Base::open("memory://").unwrap();
        let task = TaskId(Digest::of(b"task"));
        let place = |epoch, step| Place { epoch, step };
        let (first, second) = (
            keys::weights(task, 1, &Digest::of(b"1")),
            keys::weights(task, 2, &Digest::of(b"2")),
        );
        let foreign = keys::weights(TaskId(Digest::of(b"other")), 1, &Digest::of(b"1"));
        let checkpoints = [
            keys::checkpoint(task, 1, place(3, 0)),
            keys::checkpoint(task, 2, place(3, 4)),
        ];
        let odd = format!("{}/attempt-1/notes", keys::folder(task));
        let all = [&first, &second, &foreign, &odd, &checkpoints[0], &checkpoints[1]];
        for key in all {
            base.put(key, b"x".to_vec()).unwrap();
        }
        tidy(&base, task, &unnamed(&first, &second)).unwrap();
        assert!(base.exists(&foreign).unwrap() && base.exists(&odd).unwrap());
        assert!(checkpoints.iter().all(|key| !base.exists(key).unwrap()));
        let weights = [("first", first), ("second", second)];
        let kept = weights.into_iter().filter(|(_, key)| base.exists(key).unwrap());
        kept.map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn after_a_commit_only_the_weights_stay_that_a_result_names() {
        assert_eq!(left(|_, second| Unnamed::AllBut(second.into())), ["second"]);
        assert_eq!(left(|_, second| Unnamed::Only(second.into())), ["first"]);
        assert_eq!(left(|_, _| Unnamed::Unknown), ["first", "second"]);
    }
}
