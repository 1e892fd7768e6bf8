//! Generates the service stubs from `proto/imgcalc.proto` without a `protoc` on the machine.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto/imgcalc.proto");
    let descriptors = protox::compile(["proto/imgcalc.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
