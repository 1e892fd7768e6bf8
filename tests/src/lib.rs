//! Proves the whole from outside: real programs, real processes, real data, nothing but loopback.
//!
//! Links neither worker nor engine, so it builds without libtorch; it starts the two programs of its own profile.
//!
//! - [`programs`]: the two programs, started, waited for within bounds, and what they said.
//! - [`sandbox`]: a folder of one test: bases, specs, data directories.
//! - [`store`]: a real S3 server, and a proxy that spoils requests to it.
//! - [`spec`]: build specs that take seconds.
//! - [`profile`]: profiles with made-up times, the same on every machine.
//! - [`trainings`]: trainings under way, and a build that is stopped in the middle of one.
//! - [`answers`]: what must be equal between two builds.
//! - [`twice`]: one build undisturbed, and again with processes killed in its middle.
//! - [`processes`]: what runs on behalf of a test, and how it is killed.
//! - [`line`]: lines between processes that are cut, stalled and healed.
//! - [`group`]: coordinators and workers, started, killed and started again.
//! - [`logs`]: what nobody expected in a log.
//! - [`images`]: colour images in class folders.
//! - [`disk`]: a disk that is too small.
//! - [`brute_force`]: everything of a small space trained, and searches held against it.
//! - [`simulated`]: workers that speak the protocol and do no work.
//! - [`sections`]: which sections of a benchmark run, and where they put what they make.
//! - [`dice`]: numbers that look random and come back with their seed.

pub mod dice;

pub mod line;
pub mod logs;
pub mod processes;
pub mod programs;

pub mod images;
pub mod spec;
pub mod store;

pub mod sandbox;

pub mod profile;
pub mod trainings;
pub mod twice;

pub mod group;

pub mod answers;
pub mod disk;

pub mod brute_force;
pub mod simulated;

pub mod sections;
