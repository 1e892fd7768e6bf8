//! Searches over nets in words: how they choose, by what, and why.

use super::{NetAlgorithm, Promise, Reason};

impl std::fmt::Display for NetAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NetAlgorithm::Random {} => f.pad("random"),
            NetAlgorithm::Proxies { by } => write!(f, "most promising by {by}"),
            NetAlgorithm::Predictor {} => f.pad("predictor"),
            NetAlgorithm::Supernet { .. } => f.pad("supernet"),
        }
    }
}

impl std::fmt::Display for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Promise::Synflow => "synflow",
            Promise::GradNorm => "gradient norm",
            Promise::JacobianCovariance => "Jacobian covariance",
            Promise::Naswot => "naswot",
            Promise::Parameters => "parameters",
            Promise::Flops => "operations",
            Promise::Ranks => "mean rank by all proxies",
        })
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reason::Drawn => f.pad("the next that was drawn"),
            Reason::Promises { by, score, rank, of } => {
                write!(f, "rank {rank} of {of} by {by} ")?;
                match by {
                    _ if !score.is_finite() => f.write_str("(nobody could look)"),
                    Promise::Ranks => write!(f, "({:.1})", -score),
                    Promise::Parameters | Promise::Flops => write!(f, "({score:.0})"),
                    _ => write!(f, "({score:.4})"),
                }
            }
            Reason::Shares { accuracy, rank, of } => {
                write!(
                    f,
                    "rank {rank} of {of} in the supernet ({:.1} %)",
                    100.0 * accuracy
                )
            }
            Reason::Predicted {
                round,
                results,
                accuracy: Some(accuracy),
                deviation,
            } => write!(
                f,
                "round {round}: {:.1} ± {:.1} % expected from {results} results",
                100.0 * accuracy,
                100.0 * deviation.unwrap_or(0.0)
            ),
            Reason::Predicted { round, .. } => {
                write!(
                    f,
                    "round {round}: the next that was drawn, for there are too few results to predict from"
                )
            }
        }
    }
}
