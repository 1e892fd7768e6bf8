//! Placement: which ready task goes to which waiting worker. Problem → Solution in plain values.

/// A worker that asks for work or is at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Profiles run alone on a host.
    pub host: String,
    /// Hardware class.
    pub hardware: String,
    /// Whether it asks for work.
    pub waiting: bool,
    /// What it is at.
    pub busy: Option<Busy>,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// A profile: nothing else may start on its host.
    Profile,
    /// Anything else.
    Work,
}

/// A task that can be done now; tasks come in order of priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Whether it must run alone on its host.
    pub exclusive: bool,
    /// Hardware class it must run on, if any.
    pub hardware: Option<String>,
}

/// Assigns tasks to waiting workers: pairs of indices (task, place), each at most once.
///
/// A profile goes to a host on which nothing runs. While one waits for its host to fall silent, nothing else is
/// started there, or it would wait for ever beside a stream of trainings.
pub fn place(tasks: &[Ready], places: &[Place]) -> Vec<(usize, usize)> {
    let mut places = places.to_vec();
    let mut reserved: Vec<String> = Vec::new();
    let mut assignments = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        let fits = |place: &Place| {
            task.hardware
                .as_ref()
                .is_none_or(|hardware| *hardware == place.hardware)
        };
        let silent = |host: &str, places: &[Place]| {
            places
                .iter()
                .all(|place| place.host != host || place.busy.is_none())
        };
        let profiling = |host: &str, places: &[Place]| {
            places
                .iter()
                .any(|place| place.host == host && place.busy == Some(Busy::Profile))
        };
        let found = places.iter().position(|place| {
            let free = place.waiting && place.busy.is_none() && fits(place);
            let allowed = if task.exclusive {
                silent(&place.host, &places)
            } else {
                !profiling(&place.host, &places) && !reserved.contains(&place.host)
            };
            free && allowed
        });
        match found {
            Some(at) => {
                places[at].busy = Some(if task.exclusive { Busy::Profile } else { Busy::Work });
                assignments.push((index, at));
            }
            None if task.exclusive => {
                let hosts = places
                    .iter()
                    .filter(|place| fits(place))
                    .map(|place| place.host.clone());
                reserved.extend(hosts.take(1));
            }
            None => {}
        }
    }
    assignments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(host: &str, waiting: bool, busy: Option<Busy>) -> Place {
        Place {
            host: host.into(),
            hardware: "cpu".into(),
            waiting,
            busy,
        }
    }

    fn profile() -> Ready {
        Ready {
            exclusive: true,
            hardware: Some("cpu".into()),
        }
    }

    fn training() -> Ready {
        Ready {
            exclusive: false,
            hardware: None,
        }
    }

    #[test]
    fn a_profile_has_its_host_to_itself() {
        let idle = [worker("a", true, None), worker("a", true, None)];
        assert_eq!(place(&[profile(), profile(), training()], &idle), [(0, 0)]);
        let profiling = [worker("a", false, Some(Busy::Profile)), worker("a", true, None)];
        assert_eq!(place(&[training()], &profiling), []);
    }

    #[test]
    fn a_waiting_profile_is_not_starved_by_trainings() {
        let busy = [
            worker("a", false, Some(Busy::Work)),
            worker("a", true, None),
            worker("b", true, None),
        ];
        assert_eq!(
            place(&[profile(), training(), training()], &busy),
            [(0, 2), (1, 1)]
        );
        let only_host = [worker("a", false, Some(Busy::Work)), worker("a", true, None)];
        assert_eq!(place(&[profile(), training()], &only_host), []);
    }

    #[test]
    fn a_profile_of_another_hardware_class_stops_nobody() {
        let task = Ready {
            exclusive: true,
            hardware: Some("gpu".into()),
        };
        assert_eq!(place(&[task, training()], &[worker("a", true, None)]), [(1, 0)]);
    }

    #[test]
    fn trainings_fill_all_waiting_workers() {
        let idle = [
            worker("a", true, None),
            worker("a", true, None),
            worker("a", false, None),
        ];
        assert_eq!(
            place(&[training(), training(), training()], &idle),
            [(0, 0), (1, 1)]
        );
    }
}
