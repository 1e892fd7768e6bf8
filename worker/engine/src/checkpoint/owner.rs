//! Whose a checkpoint is, in the words of the release that wrote it.

use crate::data::{Blocks, Feeds};
use crate::train::Course;
use imgcalc_shared::digest::Digest;
use imgcalc_shared::net::Shares;
use imgcalc_shared::task::Leg;
use imgcalc_shared::training::{Hyper, InputShape, Net};
use serde::{Deserialize, Serialize};

/// What a training is: a checkpoint of one is refused by every other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    net: Net,
    pub(super) hyper: Hyper,
    pub(super) shape: InputShape,
    pub(super) blocks: Blocks,
    classes: u16,
    /// Of the labels of the training images, in their order. What differs in the images themselves shows in their standardisation.
    labels: String,
    /// The stretch of it. What is whole has none, and its checkpoints are those that were written before there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leg: Option<Leg>,
    /// Of the nets that share its weights, where there are some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sharing: Option<Digest>,
}

impl Identity {
    pub(crate) fn new(net: &Net, course: Course, feeds: &Feeds) -> Self {
        Identity {
            net: net.clone(),
            hyper: course.hyper.clone(),
            shape: feeds.train.shape(),
            blocks: feeds.train.blocks(),
            classes: feeds.classes,
            labels: digest(feeds.train.labels()),
            leg: course.leg,
            sharing: None,
        }
    }

    /// Of a training of weights that these nets share.
    pub(crate) fn sharing(shares: &Shares, course: Course, feeds: &Feeds) -> Self {
        Identity {
            sharing: Some(Digest::of_value(&shares.nets())),
            ..Identity::new(shares.largest(), course, feeds)
        }
    }
}

/// [`Identity`] as the first release wrote it: it knew less of the values and nothing of legs, and told images apart by their digest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FirstIdentity {
    net: Net,
    hyper: Hyper,
    shape: InputShape,
    period: u16,
    classes: u16,
    /// Of the training images and labels. What differs in them shows in their standardisation too.
    digest: String,
}

/// Whose a checkpoint is, by what any release wrote.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Owner {
    Now(Identity),
    First(FirstIdentity),
}

impl Owner {
    /// How it was trained up to here.
    pub(super) fn hyper(&self) -> &Hyper {
        match self {
            Owner::Now(Identity { hyper, .. }) | Owner::First(FirstIdentity { hyper, .. }) => hyper,
        }
    }

    /// By what it is another training than `own`, for the message.
    pub(super) fn difference(&self, own: &Identity) -> Option<&'static str> {
        let leg = match self {
            Owner::Now(identity) => identity.leg,
            Owner::First(_) => None,
        };
        let rest = [
            (*self.hyper() == own.hyper, "hyper-parameters"),
            (leg == own.leg, "stretch of epochs"),
        ];
        self.obstacle(own).or_else(|| first_unequal(&rest))
    }

    /// What keeps `own` from going on from where this training is, whatever its hyper-parameters and legs are: for the message.
    pub(super) fn obstacle(&self, own: &Identity) -> Option<&'static str> {
        let (net, sharing, values, classes, labels) = match self {
            Owner::Now(theirs) => (
                &theirs.net,
                theirs.sharing,
                (theirs.shape, theirs.blocks) == (own.shape, own.blocks),
                theirs.classes,
                theirs.labels == own.labels,
            ),
            Owner::First(theirs) => (
                &theirs.net,
                None,
                (theirs.shape, theirs.period) == (own.shape, own.blocks.period()),
                theirs.classes,
                true,
            ),
        };
        first_unequal(&[
            (*net == own.net, "net"),
            (sharing == own.sharing, "choice of nets"),
            (values, "shape of images"),
            (classes == own.classes, "number of classes"),
            (labels, "training images"),
        ])
    }
}

fn first_unequal(pairs: &[(bool, &'static str)]) -> Option<&'static str> {
    pairs.iter().find(|(same, _)| !same).map(|(_, what)| *what)
}

fn digest(labels: &[u16]) -> String {
    let bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
    blake3::hash(&bytes).to_hex().to_string()
}
