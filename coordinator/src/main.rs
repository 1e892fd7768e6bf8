//! `imgcalc`: the command line and the coordinator. Starts without libtorch.

fn main() -> std::process::ExitCode {
    imgcalc_coordinator::cli::main()
}
