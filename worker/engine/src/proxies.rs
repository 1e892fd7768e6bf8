//! What an untrained net says of how well it would train: zero-cost proxies, from one batch.
//!
//! | proxy | what it is | from |
//! |---|---|---|
//! | synflow | ln Σ θ · ∂R/∂θ over the weights of convolutions and linear layers; every number of the net made positive, norms left out, R the sum of what it makes of an image of ones | Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow" (2020), equation 2; summed over a net by Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS" (2021), section 3.2 |
//! | grad_norm | the sum of the Euclidean norms of the loss's gradients by these weights | Abdelfattah et al., section 3.1 |
//! | jacobian_covariance | −Σ ln(σ + k) + 1 ÷ (σ + k), k = 10⁻⁵, over the eigenvalues σ of the correlations between images of the gradient of the summed logits by the input | Mellor et al., "Neural Architecture Search without Training", first version (2020), section 3 |
//! | naswot | ln of the determinant of the matrix that counts for each pair of images the activations in which both are above 0 or neither is | Mellor et al., the published version (2021), section 3, equations 1 and 2 |
//!
//! Activations that count are rectifiers: ReLU, and the smooth ones of the same sign, hard swish and SiLU; gates such as sigmoids
//! are always above 0 and tell images nothing apart. Norms take the statistics of the batch, as in the authors' programs; nothing
//! is dropped. Of a synflow the logarithm is given: its order is the same, and it has room for deep nets.

use crate::data::Feeds;
use crate::net::{Definition, Graph, Network, Pass};
use crate::{EngineError, device};
use imgcalc_shared::net::{self, Activation, Layer};
use imgcalc_shared::training::{InputShape, Net};
use std::collections::BTreeMap;
use tch::{Device, Kind, TchError, Tensor};

/// Fewer images have no correlations.
const BATCH_MIN: u32 = 2;
/// Matrices of batch × batch are decomposed.
const BATCH_MAX: u32 = 4096;
/// k: keeps the score of a singular matrix finite (Mellor et al., first version).
const SPREAD_MIN: f64 = 1e-5;

/// How an untrained net looks; of each, more is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proxies {
    /// Natural logarithm of the synaptic flow.
    pub synflow: f64,
    /// Norm of the loss's gradient.
    pub grad_norm: f64,
    /// How differently the net reacts to different images.
    pub jacobian_covariance: f64,
    /// How differently different images light up the net.
    pub naswot: f64,
}

/// Looks at a net with first weights of this seed and so many training images, which the seed chooses too.
pub fn proxies(
    net: impl Into<Definition>,
    feeds: &mut Feeds,
    batch: u32,
    seed: u64,
) -> Result<Proxies, EngineError> {
    let definition = net.into();
    let net = definition.net();
    if let Net::Torchscript { .. } = net {
        let reason = "proxies look inside a net, and a script does not show it; take a built-in net";
        return Err(EngineError::BadData(reason.into()));
    }
    feeds.check()?;
    let images = feeds.train.len() as u64;
    let most = images.min(BATCH_MAX.into());
    if batch < BATCH_MIN || u64::from(batch) > most {
        return Err(EngineError::BadData(format!(
            "a batch of {batch} images: proxies need {BATCH_MIN} at least, and there are {most} at most"
        )));
    }
    device::set_deterministic(true);
    let (device, shape) = (device::device(), feeds.train.shape());
    let moments = feeds.train.moments(feeds.window_bytes)?;
    let input = moments.standardisation().on(shape, device)?;
    let (values, labels) = feeds
        .train
        .epoch(seed, 1, feeds.window_bytes, 0)?
        .batch(0..batch.into())?;
    let images = input.standardise(values.f_to_kind(Kind::Float)?)?;
    let mut network = Network::new(&definition, shape, feeds.classes, device)?;
    network.fill_from_seed(seed)?;
    of_network(net, shape, feeds.classes, &mut network, &images, &labels)
}

/// Of a net that is filled.
fn of_network(
    net: &Net,
    shape: InputShape,
    classes: u16,
    network: &mut Network,
    images: &Tensor,
    labels: &Tensor,
) -> Result<Proxies, EngineError> {
    let synflow = synflow(net, shape, classes, network)?;
    let weights: Vec<Tensor> = network
        .leaves()?
        .into_iter()
        .filter(|leaf| leaf.dim() > 1)
        .collect();
    let images = images.f_detach()?.f_requires_grad_(true)?;
    let mut codes = Codes::default();
    let logits = network.forward(&images, Pass::Look(&mut |kind, made| codes.add(kind, made)))?;

    let loss = logits.f_cross_entropy_loss::<&Tensor>(labels, None, tch::Reduction::Mean, -100, 0.0)?;
    let gradients = Tensor::f_run_backward(&[loss], &weights, true, false)?;
    let mut grad_norm = 0.0;
    for gradient in gradients {
        grad_norm += gradient.f_to_kind(Kind::Double)?.f_norm()?.f_double_value(&[])?;
    }
    let sum = logits.f_sum(Kind::Float)?;
    let jacobian = Tensor::f_run_backward(&[sum], &[images], false, false)?;
    Ok(Proxies {
        synflow: finite("synflow", synflow)?,
        grad_norm: finite("the norm of the gradient", grad_norm)?,
        jacobian_covariance: finite("the covariance of the Jacobian", covariance(&jacobian[0])?)?,
        naswot: finite("the kernel of the codes", codes.log_determinant()?)?,
    })
}

fn finite(what: &str, value: f64) -> Result<f64, EngineError> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(EngineError::BadData(format!(
        "{what} of the untrained net is {value}: it is too deep to be compared with others; leave it out"
    )))
}

fn synflow(net: &Net, shape: InputShape, classes: u16, network: &Network) -> Result<f64, EngineError> {
    let (mut views, mut weights) = (BTreeMap::new(), Vec::new());
    for (name, (shape, numbers)) in network.values()? {
        let view = Tensor::f_from_slice(&numbers)?.f_view(shape.as_slice())?;
        let view = view
            .f_to_device(device::device())?
            .f_to_kind(Kind::Double)?
            .f_abs()?
            .f_requires_grad_(shape.len() > 1)?;
        weights.extend((shape.len() > 1).then(|| view.shallow_clone()));
        views.insert(name, view);
    }
    let layers = net::layers(net, shape.channels, classes)?;
    let graph = Graph::new(&without_norms(&layers), &views);
    let size = [1, shape.channels.into(), shape.height.into(), shape.width.into()];
    let ones = Tensor::f_ones(size, (Kind::Double, device::device()))?;
    let flow = graph.forward(&ones, Pass::Evaluate)?.f_sum(Kind::Double)?;
    let gradients = Tensor::f_run_backward(&[flow], &weights, false, false)?;
    let mut score = 0.0;
    for (weight, gradient) in weights.iter().zip(gradients) {
        let flows = weight.f_detach()?.f_mul(&gradient)?.f_abs()?;
        score += flows.f_sum(Kind::Double)?.f_double_value(&[])?;
    }
    Ok(score.ln())
}

fn without_norms(layers: &[Layer]) -> Vec<Layer> {
    let kept = layers.iter().filter(|layer| !matches!(layer, Layer::Norm { .. }));
    let bare = |layer: &Layer| match layer {
        Layer::Sum { body, shortcut, drop } => Layer::Sum {
            body: without_norms(body),
            shortcut: without_norms(shortcut),
            drop: *drop,
        },
        Layer::Scale(inner) => Layer::Scale(without_norms(inner)),
        Layer::Shuffle { left, right } => Layer::Shuffle {
            left: left.as_deref().map(without_norms),
            right: without_norms(right),
        },
        layer => layer.clone(),
    };
    kept.map(bare).collect()
}

/// The score of a Jacobian, images × what each sees.
fn covariance(jacobian: &Tensor) -> Result<f64, TchError> {
    let rows = jacobian
        .f_flatten(1, -1)?
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Double)?;
    let rows = rows.f_sub(&rows.f_mean_dim([1].as_slice(), true, None)?)?;
    let squares = rows.f_mul(&rows)?;
    let lengths = squares
        .f_sum_dim_intlist([1].as_slice(), true, Kind::Double)?
        .f_sqrt()?;
    // An image the net does not react to correlates with none.
    let rows = rows.f_div(&lengths.f_clamp_min(f64::MIN_POSITIVE)?)?;
    let correlations = rows.f_matmul(&rows.f_tr()?)?;
    let score = |spread: f64| {
        let spread = spread.max(0.0) + SPREAD_MIN;
        spread.ln() + 1.0 / spread
    };
    Ok(-eigenvalues(&correlations)?.into_iter().map(score).sum::<f64>())
}

/// For each pair of images the activations in which they agree.
#[derive(Default)]
struct Codes {
    equal: Option<Tensor>,
}

impl Codes {
    fn add(&mut self, activation: Activation, made: &Tensor) -> Result<(), TchError> {
        match activation {
            Activation::Relu | Activation::HardSwish | Activation::Silu => {}
            Activation::Sigmoid | Activation::HardSigmoid => return Ok(()),
        }
        let signs = made.f_detach()?.f_gt(0.0)?.f_to_kind(Kind::Float)?;
        let signs = signs.f_flatten(1, -1)?.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?;
        let activations = signs.size()[1] as f64;
        // Each agreement adds 1 to the product and each difference takes 1 away; whole numbers, exact in any order.
        let product = signs.f_matmul(&signs.f_tr()?)?.f_to_kind(Kind::Double)?;
        let equal = product.f_add_scalar(activations)?.f_mul_scalar(0.5)?;
        self.equal = Some(match self.equal.take() {
            Some(before) => before.f_add(&equal)?,
            None => equal,
        });
        Ok(())
    }

    /// Images of the same code make the matrix singular: an eigenvalue counts as this much at least.
    fn log_determinant(&self) -> Result<f64, TchError> {
        let Some(equal) = &self.equal else {
            return Ok(0.0);
        };
        let values = eigenvalues(&equal.f_to_device(Device::Cpu)?)?;
        Ok(values.into_iter().map(|value| value.max(SPREAD_MIN).ln()).sum())
    }
}

/// Of a symmetric matrix.
fn eigenvalues(matrix: &Tensor) -> Result<Vec<f64>, TchError> {
    Vec::try_from(matrix.f_linalg_eigvalsh("L")?)
}

#[cfg(test)]
mod tests;
