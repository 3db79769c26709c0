//! What the tests of the program and the library share.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mst-profiles"))
}

/// The folder with the built libraries.
pub fn library_folder() -> &'static Path {
    program().parent().unwrap()
}

/// The shared library, of the same build as this test.
pub fn library() -> PathBuf {
    library_folder().join("libmst_profiles.so")
}
