//! What a search over nets has come to.

use crate::format::Format;
use crate::search::{Budget, NetAlgorithm, Point, Reason};
use crate::task::{EpochPoint, Proxies, TaskId};
use crate::training::Net;
use serde::{Deserialize, Serialize};

/// A search over nets as far as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetSearchFacts {
    /// The format nets are trained on.
    pub format: Format,
    /// How it goes about it.
    pub algorithm: NetAlgorithm,
    /// The most inference time, µs per image.
    pub time_us: Option<f64>,
    /// What it may spend.
    pub budget: Budget,
    /// Seconds in which something was trained for it.
    pub wall_seconds: f64,
    /// Seconds of all devices together that trained for it.
    pub device_seconds: f64,
    /// Epochs of each.
    pub epochs: u32,
    /// Candidates whose time is known.
    pub measured: usize,
    /// Candidates that are fast enough.
    pub fit: usize,
    /// Every candidate, in the order in which they were drawn.
    pub candidates: Vec<NetCandidate>,
    /// Index of the most accurate that was trained.
    pub best: Option<usize>,
    /// Whether nothing will follow.
    pub is_over: bool,
}

/// A candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetCandidate {
    /// Its point of the space.
    pub point: Point,
    /// It.
    pub net: Net,
    /// Fitted numbers.
    pub parameters: u64,
    /// Operations of a forward pass on the format.
    pub flops: u64,
    /// Inference time of format and net together, µs per image, once measured.
    pub time_us: Option<f64>,
    /// What was seen of it untrained.
    pub proxies: Option<Proxies>,
    /// The accuracy it came to with its share of the weights of a supernet, 0 to 1.
    pub supernet: Option<f64>,
    /// Why it is trained, if it is.
    pub reason: Option<Reason>,
    /// Its training, if it has one.
    pub task: Option<TaskId>,
    /// What that came to, 0 to 1.
    pub accuracy: Option<f64>,
    /// On test images, if the build has some.
    pub test_accuracy: Option<f64>,
    /// One point per epoch.
    pub curve: Vec<EpochPoint>,
    /// Key of its weights in the base.
    pub weights: Option<String>,
}

impl NetSearchFacts {
    /// The most accurate net that was trained; of equals the faster.
    pub fn best(&self) -> Option<&NetCandidate> {
        self.candidates.get(self.best?)
    }
}

/// Where a candidate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetStanding {
    /// It was trained.
    Trained,
    /// Its training is to be done or being done.
    Training,
    /// It was measured and is fast enough; others are worth more, or it is not known yet.
    NotChosen,
    /// Its time is to be measured.
    Unmeasured,
    /// It is not fast enough.
    TooSlow,
    /// It could not be measured, or its training failed.
    Failed,
}

impl NetSearchFacts {
    /// Where one of its candidates stands.
    pub fn standing(&self, candidate: &NetCandidate) -> NetStanding {
        let too_slow = |time: f64| self.time_us.is_some_and(|budget| time > budget);
        match (candidate.time_us, candidate.accuracy, &candidate.reason) {
            (_, Some(_), _) => NetStanding::Trained,
            (None, ..) if self.is_over => NetStanding::Failed,
            (None, ..) => NetStanding::Unmeasured,
            (Some(time), ..) if too_slow(time) => NetStanding::TooSlow,
            (_, None, Some(_)) if self.is_over => NetStanding::Failed,
            (_, None, Some(_)) => NetStanding::Training,
            (_, None, None) => NetStanding::NotChosen,
        }
    }

    /// Candidates that stand so.
    pub fn count(&self, standing: NetStanding) -> usize {
        let stands = |candidate: &&NetCandidate| self.standing(candidate) == standing;
        self.candidates.iter().filter(stands).count()
    }

    /// Trainings that may still be decided on.
    pub fn trainings_unknown(&self) -> usize {
        let all_measured = self.measured == self.candidates.len();
        let most = if all_measured {
            self.fit
        } else {
            self.candidates.len()
        };
        let known = self
            .candidates
            .iter()
            .filter(|candidate| candidate.reason.is_some());
        match self.is_over {
            true => 0,
            false => most
                .min(self.budget.trainings.unwrap_or(0) as usize)
                .saturating_sub(known.count()),
        }
    }

    /// Candidates that were chosen for a training, each with its index, in the order in which they were chosen.
    pub fn chosen(&self) -> Vec<(usize, &NetCandidate)> {
        let turn = |candidate: &NetCandidate| match candidate.reason.as_ref()? {
            Reason::Drawn => Some(0),
            Reason::Promises { rank, .. } | Reason::Shares { rank, .. } => Some(*rank),
            Reason::Predicted { round, .. } => Some(*round),
        };
        let chosen = self.candidates.iter().enumerate();
        let mut chosen: Vec<_> = chosen
            .filter(|(_, candidate)| candidate.reason.is_some())
            .collect();
        // Stable: of one turn they stay as they were drawn.
        chosen.sort_by_key(|(_, candidate)| turn(candidate));
        chosen
    }

    /// Candidates that were trained, each with its index and its accuracy, the most accurate first; of equals the faster.
    pub fn ranked(&self) -> Vec<(usize, &NetCandidate, f64)> {
        let trained = self.candidates.iter().enumerate();
        let trained = trained.filter_map(|(at, candidate)| Some((at, candidate, candidate.accuracy?)));
        let mut ranked: Vec<_> = trained.collect();
        let slow = |candidate: &NetCandidate| candidate.time_us.unwrap_or(f64::INFINITY);
        ranked.sort_by(|(_, a, high), (_, b, low)| low.total_cmp(high).then(slow(a).total_cmp(&slow(b))));
        ranked
    }

    /// Those of the ranked that no faster one equals, fastest first.
    pub fn front(&self) -> Vec<(usize, &NetCandidate, f64)> {
        let mut front: Vec<(usize, &NetCandidate, f64)> = Vec::new();
        for (at, candidate, accuracy) in self.ranked() {
            let Some(time) = candidate.time_us else { continue };
            let faster =
                |(_, last, _): &(usize, &NetCandidate, f64)| last.time_us.is_none_or(|last| time < last);
            if front.last().is_none_or(faster) {
                front.push((at, candidate, accuracy));
            }
        }
        front.reverse();
        front
    }
}

impl NetCandidate {
    /// What it is in a few characters: `resnet_like w16-d2-k3 w24-d1-k5`.
    pub fn words(&self) -> String {
        let all = |stages: Vec<String>| format!("{} {}", self.net.name(), stages.join(" "));
        match &self.net {
            Net::ResnetLike { stages, .. } => all(stages.iter().map(|stage| stage.to_string()).collect()),
            Net::MobileLike { stages, .. } => all(stages.iter().map(|stage| stage.to_string()).collect()),
            other => other.name().to_string(),
        }
    }
}

impl std::fmt::Display for NetStanding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            NetStanding::Trained => "trained",
            NetStanding::Training => "training",
            NetStanding::NotChosen => "not chosen",
            NetStanding::Unmeasured => "to measure",
            NetStanding::TooSlow => "too slow",
            NetStanding::Failed => "failed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Promise;
    use crate::training::ResnetStage;

    /// A candidate of a time, chosen by a rank, that came to an accuracy.
    fn candidate(time_us: Option<f64>, rank: Option<u32>, accuracy: Option<f64>) -> NetCandidate {
        let stage = |width| ResnetStage {
            width,
            depth: 1,
            kernel: 3,
        };
        let reason = rank.map(|rank| Reason::Promises {
            by: Promise::Naswot,
            score: -f64::from(rank),
            rank,
            of: 5,
        });
        NetCandidate {
            point: Point(Default::default()),
            net: Net::ResnetLike {
                stem: 8,
                stages: vec![stage(8), stage(16)],
            },
            parameters: 1,
            flops: 1,
            time_us,
            proxies: None,
            supernet: None,
            reason,
            task: None,
            accuracy,
            test_accuracy: None,
            curve: Vec::new(),
            weights: None,
        }
    }

    fn facts(is_over: bool) -> NetSearchFacts {
        let candidates = vec![
            candidate(Some(9.0), Some(3), Some(0.8)),
            candidate(Some(20.0), None, None),
            candidate(Some(5.0), Some(1), Some(0.7)),
            candidate(None, None, None),
            candidate(Some(6.0), Some(2), None),
            candidate(Some(7.0), None, None),
            candidate(Some(9.5), Some(4), Some(0.75)),
        ];
        NetSearchFacts {
            format: "1x1-b8-k4-q20".parse().unwrap(),
            algorithm: NetAlgorithm::Proxies { by: Promise::Naswot },
            time_us: Some(10.0),
            budget: Budget {
                trainings: Some(5),
                ..Budget::default()
            },
            wall_seconds: 0.0,
            device_seconds: 0.0,
            epochs: 3,
            measured: 6,
            fit: 5,
            best: Some(0),
            candidates,
            is_over,
        }
    }

    #[test]
    fn every_candidate_stands_somewhere() {
        use NetStanding::{Failed, NotChosen, TooSlow, Trained, Training, Unmeasured};
        let stand = |facts: &NetSearchFacts| -> Vec<NetStanding> {
            let each = facts.candidates.iter();
            each.map(|candidate| facts.standing(candidate)).collect()
        };
        let before = facts(false);
        let expected = [
            Trained, TooSlow, Trained, Unmeasured, Training, NotChosen, Trained,
        ];
        assert_eq!(stand(&before), expected);
        assert_eq!((before.count(Trained), before.trainings_unknown()), (3, 1));
        let after = facts(true);
        let expected = [Trained, TooSlow, Trained, Failed, Failed, NotChosen, Trained];
        assert_eq!(stand(&after), expected);
        assert_eq!(after.trainings_unknown(), 0);
    }

    #[test]
    fn trained_nets_have_an_order_a_rank_and_a_front() {
        let facts = facts(true);
        let chosen: Vec<usize> = facts.chosen().iter().map(|(at, _)| *at).collect();
        assert_eq!(chosen, [2, 4, 0, 6]);
        let ranked: Vec<usize> = facts.ranked().iter().map(|(at, ..)| *at).collect();
        assert_eq!(ranked, [0, 6, 2]);
        assert_eq!(Some(ranked[0]), facts.best);
        // The third is slower than the first and no better.
        let front: Vec<usize> = facts.front().iter().map(|(at, ..)| *at).collect();
        assert_eq!(front, [2, 0]);
        assert_eq!(facts.candidates[0].words(), "resnet_like w8-d1-k3 w16-d1-k3");
    }
}
