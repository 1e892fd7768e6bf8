//! imgcalc-proto
