//! What the tests of the program and the library share.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mst-profiles"))
}

/// The folder with the libraries of the same build as this test. (The copies in the folder above are those of the last
/// `cargo build`, if there was one.)
pub fn library_folder() -> PathBuf {
    program().parent().unwrap().join("deps")
}

/// The shared library.
pub fn library() -> PathBuf {
    library_folder().join("libmst_profiles.so")
}
