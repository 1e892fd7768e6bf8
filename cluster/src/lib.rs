//! imgcalc-cluster
