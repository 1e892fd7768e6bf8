//! Networks whose weights are parts of those of another.

use super::{Body, Graph, Network, Pass};
use crate::{Definition, EngineError};
use imgcalc_shared::net::{self, Role, Shares, shared_name};
use imgcalc_shared::training::{InputShape, Net};
use std::collections::BTreeMap;
use tch::{Device, Kind, TchError, Tensor};

impl Network {
    /// The largest of nets that share their weights; it has those of all of them. All variables are 0; fill it before use.
    pub(crate) fn shared(
        shares: &Shares,
        shape: InputShape,
        classes: u16,
        device: Device,
    ) -> Result<Self, EngineError> {
        let largest = shares.largest();
        net::check_shape(largest, shape)?;
        let variables = shares.variables(shape.channels, classes)?;
        let mut network = Network::flat(variables, Body::Graph(Graph::default()), device)?;
        let mut views = BTreeMap::new();
        for variable in net::variables(largest, shape.channels, classes)? {
            // Of all it shares it has the whole: these are the very leaves, which may ask for gradients later on.
            let view = network.views[&shared_name(largest, &variable.name)].shallow_clone();
            views.insert(variable.name, view);
        }
        let layers = net::layers(largest, shape.channels, classes)?;
        network.body = Body::Graph(Graph::new(&layers, &views));
        network.classes = Some(classes.into());
        Ok(network)
    }

    /// A net over its parts of the shared weights, through which gradients reach them. It has no running statistics that would
    /// say anything.
    pub(crate) fn part(&self, net: &Net, channels: u16, classes: u16) -> Result<Graph, EngineError> {
        let mut views = BTreeMap::new();
        for variable in net::variables(net, channels, classes)? {
            let view = match variable.role {
                Role::Buffer(value) => {
                    let like = (Kind::Float, self.fitted.device());
                    Tensor::f_full(variable.shape.as_slice(), f64::from(value), like)?
                }
                _ => share(self.whole(net, &variable.name)?, &variable.shape)?,
            };
            views.insert(variable.name, view);
        }
        Ok(Graph::new(&net::layers(net, channels, classes)?, &views))
    }

    /// A net by itself that starts with a copy of its parts of the shared weights, and without running statistics.
    pub(crate) fn cut(&self, net: &Net, shape: InputShape, classes: u16) -> Result<Network, EngineError> {
        let mut alone = Network::new(&Definition::from(net), shape, classes, self.fitted.device())?;
        tch::no_grad(|| {
            for variable in &alone.variables {
                let view = alone.views.get_mut(&variable.name).expect("each has a view");
                if !variable.is_buffer() {
                    view.f_copy_(&share(self.whole(net, &variable.name)?, &variable.shape)?)?;
                }
            }
            Ok(alone)
        })
    }

    /// Makes the running statistics those of these batches, each of which counts alike.
    pub(crate) fn measure_statistics(
        &mut self,
        batches: impl IntoIterator<Item = Result<Tensor, EngineError>>,
    ) -> Result<(), EngineError> {
        tch::no_grad(|| {
            for (seen, batch) in (1..).zip(batches) {
                let _ = self.forward(&batch?, Pass::Measure(1.0 / f64::from(seen)))?;
            }
            Ok(())
        })
    }

    fn whole(&self, net: &Net, name: &str) -> Result<&Tensor, EngineError> {
        let shared = shared_name(net, name);
        let missing = || EngineError::BadData(format!("{} shares no {shared}", net.name()));
        self.views.get(&shared).ok_or_else(missing)
    }
}

/// Of a shared variable the part of this shape: its first channels, the middle of its windows.
fn share(whole: &Tensor, shape: &[i64]) -> Result<Tensor, TchError> {
    let mut part = whole.shallow_clone();
    for (dimension, (&side, most)) in (0..).zip(shape.iter().zip(whole.size())) {
        if side != most {
            let first = if dimension < 2 { 0 } else { (most - side) / 2 };
            part = part.f_narrow(dimension, first, side)?;
        }
    }
    Ok(part)
}
