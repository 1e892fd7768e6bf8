//! The nets, all of them trained.

use super::agreement::Run;
use anyhow::{Context, ensure};
use imgcalc_shared::explore::{NetCandidate, NetSearchFacts};
use imgcalc_shared::search::{NetName, NetSpace};
use imgcalc_shared::training::Net;
use imgcalc_tests::brute_force::builds::Builds;
use imgcalc_tests::dice::Dice;
use serde::Deserialize;

const NETS: usize = 42;
const DRAWS: u64 = 2000;

const SPACE: &str = "stem = 16\nstages = [1, 2, 3]\nwidths = [8, 16, 32]\ndepths = [1, 2]\nkernels = [3, 5]\n\
    expansions = [2, 4]\nnames = [\"resnet_like\", \"mobile_like\"]\n";
const BUILD: &str = "[space]\nsamplings = [\"1x1\"]\nblocks = [8]\nkeeps = { list = [4] }\nquants = [20]\n\
    [buckets]\ncount = 1\nsampled = 1\nformats_per_bucket = 1\n\
    [training]\npreset = \"small-images\"\nepochs = 5\ntrain_images = 3000\nvalidation_images = 1000\n\
    test_images = 5000\n";

/// Nets with what was seen of them untrained and what they came to.
pub struct Pool {
    /// What they are drawn from.
    pub space: NetSpace,
    /// What the search says of each, for each seed; the same nets in the same order.
    pub seeds: Vec<Vec<NetCandidate>>,
    /// Mean accuracy on test images over seeds, points.
    pub truth: Vec<f64>,
}

impl Pool {
    /// Trains them, or takes what was trained before.
    pub fn train(builds: &Builds, seeds: &[u64]) -> anyhow::Result<Pool> {
        let seeds: Vec<Vec<NetCandidate>> = seeds
            .iter()
            .map(|&seed| trained(builds, seed))
            .collect::<anyhow::Result<_>>()?;
        // A net whose training failed with one seed is left out with all.
        let whole = |at: &usize| seeds.iter().all(|nets| nets[*at].accuracy.is_some());
        let kept: Vec<usize> = (0..seeds[0].len()).filter(whole).collect();
        let of_seed = |nets: &Vec<NetCandidate>| kept.iter().map(|&at| nets[at].clone()).collect();
        let seeds: Vec<Vec<NetCandidate>> = seeds.iter().map(of_seed).collect();
        let mean = |at: usize| seeds.iter().map(|nets| tested(&nets[at])).sum::<f64>() / seeds.len() as f64;
        Ok(Pool {
            space: toml::from_str(SPACE)?,
            truth: (0..kept.len()).map(mean).collect(),
            seeds,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Whether a net is a `resnet_like`.
    pub fn is_residual(&self, at: usize) -> bool {
        matches!(self.seeds[0][at].net, Net::ResnetLike { .. })
    }

    /// How many of them are.
    pub fn residual(&self) -> usize {
        (0..self.len()).filter(|&at| self.is_residual(at)).count()
    }

    /// True accuracy of the best.
    pub fn best(&self) -> f64 {
        self.truth.iter().copied().fold(f64::MIN, f64::max)
    }

    /// Mean true accuracy.
    pub fn mean(&self) -> f64 {
        self.truth.iter().sum::<f64>() / self.len() as f64
    }

    /// True accuracy of the net that is taken when the nets ranked highest are trained: the most accurate of them on
    /// validation images.
    pub fn pick(&self, run: &Run, top: usize) -> f64 {
        let mut order: Vec<(f64, usize)> = (0..self.len())
            .filter_map(|at| Some((run.scores[at]?, at)))
            .collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        order.truncate(top);
        let validated = |at: usize| self.seeds[run.seed][at].accuracy.unwrap_or(0.0);
        let taken = order
            .iter()
            .max_by(|a, b| validated(a.1).total_cmp(&validated(b.1)));
        taken.map_or(0.0, |&(_, at)| self.truth[at])
    }

    /// The same of nets drawn at random, the mean over draws.
    pub fn best_of_random(&self, top: usize) -> f64 {
        let picks = (0..DRAWS).map(|draw| {
            let mut places: Vec<usize> = (0..self.len()).collect();
            Dice::new(draw).shuffle(&mut places);
            let run = Run {
                seed: (draw % self.seeds.len() as u64) as usize,
                scores: places.into_iter().map(|place| Some(place as f64)).collect(),
                truth: Vec::new(),
            };
            self.pick(&run, top)
        });
        picks.sum::<f64>() / DRAWS as f64
    }
}

/// Accuracy on test images, points.
pub fn tested(net: &NetCandidate) -> f64 {
    100.0 * net.test_accuracy.or(net.accuracy).unwrap_or(0.0)
}

/// Two searches that train the same nets, so each is trained once: what one and the other have seen of them before.
fn trained(builds: &Builds, seed: u64) -> anyhow::Result<Vec<NetCandidate>> {
    let mut nets = searched(builds, "nets", seed, "name = \"proxies\", by = \"naswot\"")?;
    let shared = searched(builds, "supernet", seed, "name = \"supernet\"")?;
    for net in &mut nets {
        let twin = shared.iter().find(|shared| shared.point == net.point);
        net.supernet = twin.and_then(|twin| twin.supernet);
    }
    Ok(nets)
}

fn searched(builds: &Builds, name: &str, seed: u64, algorithm: &str) -> anyhow::Result<Vec<NetCandidate>> {
    let search = format!(
        "seed = {seed}\n[search.nets]\nformat = \"1x1-b8-k4-q20\"\nparallel = 2\n\
         algorithm = {{ {algorithm} }}\nbudget = {{ trainings = {NETS} }}\ncandidates = {NETS}\n\
         [search.nets.space]\n{SPACE}"
    );
    let build = builds.build(&format!("{name}-{seed}"), &format!("{BUILD}{search}"))?;
    let facts = build.status::<Status>()?.nets;
    let nets = facts.context("a build with [search.nets] found no nets; its log says why")?;
    let space: NetSpace = toml::from_str(SPACE)?;
    ensure!(
        space.names == [NetName::ResnetLike, NetName::MobileLike] && nets.candidates.len() > 1,
        "the space of nets has {} candidates",
        nets.candidates.len()
    );
    Ok(nets.candidates)
}

#[derive(Deserialize)]
struct Status {
    nets: Option<NetSearchFacts>,
}
