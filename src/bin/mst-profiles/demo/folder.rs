//! Where the demo keeps its database.

use std::path::PathBuf;

use crate::Failure;

/// A folder of the demo's own, gone with it.
pub(super) struct TemporaryFolder {
    pub(super) path: PathBuf,
}

impl TemporaryFolder {
    pub(super) fn new() -> Result<Self, Failure> {
        // A new one, whoever else left one of the same name.
        for attempt in 0..1000 {
            let name = format!("mst-profiles-demo-{}-{attempt}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(format!("{}: {error}", path.display()).into()),
            }
        }
        Err("there is no room for another temporary folder".into())
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Left behind at worst, where temporary files are.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
