//! imgcalc-shared
