//! Lets this package's programs and tests find libtorch without LD_LIBRARY_PATH.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
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
}
