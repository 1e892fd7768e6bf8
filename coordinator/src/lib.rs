//! imgcalc-coordinator
