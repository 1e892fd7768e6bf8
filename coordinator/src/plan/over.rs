//! How a task ended.

use imgcalc_shared::build::BuildId;
use imgcalc_shared::search::Took;
use serde::{Deserialize, Serialize};

/// When a task ended among all that did, and what it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form")]
pub struct Over {
    /// A number that rises.
    pub place: u64,
    /// The build it was done for, and what that took; none where nobody did it, as with a recorded profile.
    pub took: Option<(BuildId, Took)>,
}

impl Over {
    /// What it took where it was done for this build: what was there before costs nothing.
    pub fn took_for(&self, build: &BuildId) -> Option<Took> {
        let (of, took) = self.took.as_ref()?;
        (of == build).then_some(*took)
    }
}

impl From<u64> for Over {
    fn from(place: u64) -> Over {
        Over { place, took: None }
    }
}

/// As it is written; at first there was nothing but the place.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    Place(u64),
    Whole {
        place: u64,
        took: Option<(BuildId, Took)>,
    },
}

impl From<Form> for Over {
    fn from(form: Form) -> Over {
        match form {
            Form::Place(place) => place.into(),
            Form::Whole { place, took } => Over { place, took },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_times_were_kept_is_read() {
        let over = Over {
            place: 7,
            took: Some((BuildId("b".into()), Took::default())),
        };
        let text = serde_json::to_string(&over).unwrap();
        assert_eq!(serde_json::from_str::<Over>(&text).unwrap(), over);
        assert_eq!(serde_json::from_str::<Over>("7").unwrap(), Over::from(7));
    }
}
