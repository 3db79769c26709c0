//! Writes the seeds of the fuzz targets anew: what travels in real networks of a master, game servers and players, which
//! are drawn from fixed seeds. Of each kind the shortest of many lengths are kept, so that all of it stays small.

use std::collections::BTreeMap;
use std::path::Path;

use mst_profiles::fuzzing::{Decoder, Layout, record};

/// Files of one target.
const MOST_FILES: usize = 32;
/// Bytes of one target, its longest file aside.
const MOST_BYTES: usize = 20_000;

fn main() -> std::io::Result<()> {
    let mut by_decoder: BTreeMap<Decoder, Vec<Vec<u8>>> = BTreeMap::new();
    for layout in Layout::ALL {
        for (seeds, steps) in [(24, 16), (6, 120)] {
            for seed in 0..seeds {
                for recorded in record(layout, seed, steps) {
                    by_decoder.entry(recorded.decoder).or_default().push(recorded.bytes);
                }
            }
        }
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for decoder in Decoder::ALL {
        let folder = corpus.join(decoder.name());
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let mut all = by_decoder.remove(&decoder).unwrap_or_default();
        all.sort_by_key(|bytes| (bytes.len(), bytes.clone()));
        all.dedup();
        let recorded = all.len();
        let (mut files, mut written) = (0, 0);
        // Spread over the lengths: short and long ones do different things.
        let stride = all.len().div_ceil(MOST_FILES).max(1);
        for bytes in all.iter().step_by(stride) {
            if written + bytes.len() > MOST_BYTES && files > 0 {
                break;
            }
            std::fs::write(folder.join(format!("{files:02}")), bytes)?;
            files += 1;
            written += bytes.len();
        }
        println!("{:>15}: {files:>2} files, {written:>5} bytes, of {recorded} that were recorded", decoder.name());
    }
    Ok(())
}
