//! The pieces nets are made of, and how their variables start.

/// One piece of a net: a function of one image's channels × rows × columns, with the variables it names.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// A convolution.
    Convolution(Convolution),
    /// Batch normalisation over `name.weight`, `.bias`, `.running_mean` and `.running_var`.
    Norm {
        /// What its variables' names begin with.
        name: String,
        /// Channels in and out.
        channels: u32,
        /// Added to the variance.
        epsilon: f64,
        /// Share of the newest batch in the running statistics.
        momentum: f64,
    },
    /// A function of each value.
    Activation(Activation),
    /// The largest value under a window.
    MaxPool(Window),
    /// The mean over each channel: what is left has one row and column.
    Mean,
    /// A linear layer over `name.weight` and `.bias`; its input has one row and column.
    Linear {
        /// What its variables' names begin with.
        name: String,
        /// Values in.
        input: u32,
        /// Values out.
        output: u32,
        /// How the weight starts.
        weight: Role,
        /// How the bias starts.
        bias: Role,
    },
    /// In training, values are set to 0 with this probability and the others scaled up to make good for it.
    Dropout(f64),
    /// The sum of two ways.
    Sum {
        /// The long way: not empty, and more than what is dropped, for the sum is made in its result's place.
        body: Vec<Layer>,
        /// The short one; empty: the input itself.
        shortcut: Vec<Layer>,
        /// In training, the probability with which an image's long way counts as 0; the others are scaled up to make good for it
        /// (stochastic depth by rows).
        drop: f64,
    },
    /// The input, each channel multiplied by what these layers make of it (squeeze and excitation).
    Scale(Vec<Layer>),
    /// Two ways side by side, their channels interleaved: the first of one, the first of the other, and so on.
    Shuffle {
        /// One way; none: the first half of the channels goes on as it is and the other way takes the second half.
        left: Option<Vec<Layer>>,
        /// The other way.
        right: Vec<Layer>,
    },
}

/// A convolution over `name.weight` and, where it has one, `.bias`.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// What its variables' names begin with.
    pub name: String,
    /// Channels in.
    pub input: u32,
    /// Channels out.
    pub output: u32,
    /// What each output value sees.
    pub window: Window,
    /// Parts the channels are cut into; each sees its own part only.
    pub groups: u32,
    /// How the weight starts.
    pub weight: Role,
    /// How the bias starts, if there is one.
    pub bias: Option<Role>,
}

/// A square window that slides over rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its side.
    pub side: u32,
    /// How far it moves.
    pub stride: u32,
    /// Rows and columns of 0 added on each side.
    pub padding: u32,
}

/// A function of each value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x · hard sigmoid(x).
    HardSwish,
    /// x · sigmoid(x).
    Silu,
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    /// x / 6 + 1/2, cut off at 0 and 1.
    HardSigmoid,
}

/// How a variable starts and whether it is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// Fitted; starts uniformly in ± this bound.
    Uniform(f64),
    /// Fitted; starts normally distributed around 0 with this standard deviation.
    Normal(f64),
    /// Fitted; starts at this value everywhere.
    Constant(f32),
    /// A running statistic, not fitted; starts at this value everywhere.
    Buffer(f32),
}

/// One named array of a net.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name, in torchvision's words where the net is torchvision's.
    pub name: String,
    /// Its sides.
    pub shape: Vec<i64>,
    /// How it starts and whether it is fitted.
    pub role: Role,
}

impl Variable {
    /// Whether it is not fitted.
    pub fn is_buffer(&self) -> bool {
        matches!(self.role, Role::Buffer(_))
    }

    /// Numbers in it.
    pub fn len(&self) -> u64 {
        self.shape.iter().map(|&side| side as u64).product()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Window {
    /// A window whose padding keeps the size where it moves by 1.
    pub(super) fn centred(side: u32, stride: u32) -> Self {
        let padding = side / 2;
        Window {
            side,
            stride,
            padding,
        }
    }

    /// Rows or columns that are left of so many, if the window fits at all.
    pub fn over(self, side: u32) -> Option<u32> {
        let room = (side + 2 * self.padding).checked_sub(self.side)?;
        Some(room / self.stride + 1)
    }
}

impl Convolution {
    /// Values that decide one output value.
    pub fn fan_in(&self) -> u32 {
        self.input / self.groups * self.window.side * self.window.side
    }

    /// A convolution without bias, started as He et al. (2015) derive it for ReLU so that gradients keep their size.
    pub(super) fn he(name: String, (input, output): (u32, u32), window: Window, groups: u32) -> Self {
        let fan_out = output * window.side * window.side;
        Convolution {
            name,
            input,
            output,
            window,
            groups,
            weight: Role::Normal((2.0 / f64::from(fan_out)).sqrt()),
            bias: None,
        }
    }
}

impl Layer {
    /// Batch normalisation with PyTorch's constants.
    pub(super) fn norm(name: String, channels: u32) -> Self {
        Layer::Norm {
            name,
            channels,
            epsilon: 1e-5,
            momentum: 0.1,
        }
    }

    /// A linear layer that starts as PyTorch's do.
    pub(super) fn linear(name: &str, input: u32, output: u32) -> Self {
        let start = Role::Uniform(1.0 / f64::from(input).sqrt());
        Layer::Linear {
            name: name.into(),
            input,
            output,
            weight: start,
            bias: start,
        }
    }
}

/// Squeeze and excitation over `name.fc1` and `.fc2`: each channel is scaled by what the means of all say.
pub(super) fn squeeze(name: &str, channels: u32, narrow: u32, inner: Activation, outer: Activation) -> Layer {
    let conv = |part: &str, channels| {
        let name = format!("{name}.{part}");
        let mut conv = Convolution::he(name, channels, Window::centred(1, 1), 1);
        conv.bias = Some(Role::Constant(0.0));
        Layer::Convolution(conv)
    };
    Layer::Scale(vec![
        Layer::Mean,
        conv("fc1", (channels, narrow)),
        Layer::Activation(inner),
        conv("fc2", (narrow, channels)),
        Layer::Activation(outer),
    ])
}

/// The multiple of 8 nearest to so many channels, unless it is more than a tenth below them.
pub(super) fn divisible(channels: f64) -> u32 {
    let nearest = ((channels as u32 + 4) / 8 * 8).max(8);
    if f64::from(nearest) < 0.9 * channels {
        nearest + 8
    } else {
        nearest
    }
}
