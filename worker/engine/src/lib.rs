//! imgcalc-engine
