//! Compiles the few lines of C++ that tch does not offer, and lets this package's tests find libtorch.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let sources = ["src/device.cpp", "src/optimizer/fused.cpp"];
    for source in sources {
        println!("cargo:rerun-if-changed={source}");
    }
    let libtorch = PathBuf::from(std::env::var_os("LIBTORCH").unwrap_or_default());
    let lib = libtorch.join("lib/libtorch_cpu.so");
    println!("cargo:rerun-if-changed={}", lib.display());
    let Some(folder) = lib
        .canonicalize()
        .ok()
        .and_then(|file| file.parent().map(Path::to_path_buf))
    else {
        println!(
            "cargo::error=there is no libtorch at {}; run `make setup` first",
            libtorch.display()
        );
        std::process::exit(1);
    };
    // The real folder, not the one of links: libtorch finds the libraries beside it relative to itself.
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // As a system's: its headers are not ours to warn about.
        .flag("-isystem")
        .flag(libtorch.join("include"))
        .files(sources)
        .compile("imgcalc_native");
}
