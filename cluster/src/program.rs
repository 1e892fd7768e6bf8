//! The worker program: where it is, and what it answers at once.

use crate::ClusterError;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Environment variable that names the worker program.
pub const PROGRAM_VARIABLE: &str = "IMGCALC_WORKER";

const NAME: &str = "imgcalc-worker";
/// Longest hardware class that is believed, in bytes.
const CLASS_BYTES_MAX: usize = 256;

/// The worker program: [`PROGRAM_VARIABLE`], else beside this program, else in `PATH`.
pub fn find_program() -> Result<PathBuf, ClusterError> {
    if let Some(path) = std::env::var_os(PROGRAM_VARIABLE).filter(|value| !value.is_empty()) {
        let path = PathBuf::from(path);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(ClusterError::BadVariable { path })
        };
    }
    let this = std::env::current_exe().unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    search(&this, &path).ok_or(ClusterError::NoProgram { beside: this })
}

/// The hardware class of a worker on this machine with so many threads. The program itself is asked, because only it
/// knows whether it can use a GPU.
pub fn hardware_class(threads: u16) -> Result<String, ClusterError> {
    hardware_class_of(&find_program()?, threads)
}

fn hardware_class_of(program: &Path, threads: u16) -> Result<String, ClusterError> {
    let output = Command::new(program)
        .args(["hardware", "--threads", &threads.to_string()])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| ClusterError::Start {
            program: program.to_path_buf(),
            error,
        })?;
    let class = String::from_utf8_lossy(&output.stdout).trim().to_string();
    let plain = class.chars().all(|c| c.is_ascii_graphic());
    if output.status.success() && !class.is_empty() && class.len() <= CLASS_BYTES_MAX && plain {
        return Ok(class);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().lines().last().unwrap_or("it says nothing");
    Err(ClusterError::Hardware {
        program: program.to_path_buf(),
        reason: format!("{} ({said})", output.status),
    })
}

fn search(this: &Path, path: &OsStr) -> Option<PathBuf> {
    // Programs of tests lie one folder below the one of programs.
    let beside = this.ancestors().skip(1).take(2).map(Path::to_path_buf);
    let named = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    beside
        .chain(named)
        .map(|folder| folder.join(NAME))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_program_beside_comes_before_the_one_in_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bin");
        fs::create_dir_all(folder.path().join("target/deps")).unwrap();
        fs::create_dir_all(&path).unwrap();
        let this = folder.path().join("target/deps/test-1");
        assert_eq!(search(&this, path.as_os_str()), None);
        fs::write(path.join(NAME), "").unwrap();
        assert_eq!(search(&this, path.as_os_str()), Some(path.join(NAME)));
        let beside = folder.path().join("target").join(NAME);
        fs::write(&beside, "").unwrap();
        assert_eq!(search(&this, path.as_os_str()), Some(beside));
    }

    #[test]
    fn a_program_that_tells_no_class_is_an_error_that_names_it() {
        let error = hardware_class_of(Path::new("/bin/false"), 1).unwrap_err();
        assert!(
            error.to_string().starts_with("`/bin/false hardware` tells no"),
            "{error}"
        );
        let error = hardware_class_of(Path::new("/nowhere/worker"), 1).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot start /nowhere/worker"),
            "{error}"
        );
    }
}
