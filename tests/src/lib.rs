//! imgcalc-tests
