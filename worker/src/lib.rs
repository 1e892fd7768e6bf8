//! imgcalc-worker
