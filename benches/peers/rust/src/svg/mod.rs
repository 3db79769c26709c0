//! Draws the figures: two tables, and plots of growth. On white, for pages of any colour, and without scripts.

mod canvas;
mod plots;
mod tables;

use std::fs;
use std::io;
use std::path::Path;

use crate::report::Report;

/// Writes what the report has figures for into `folder`.
pub fn write(report: &Report, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    if !report.cases.is_empty() {
        fs::write(folder.join("peers-bytes.svg"), tables::bytes(report))?;
        fs::write(folder.join("peers-times.svg"), tables::times(report))?;
    }
    if !report.growth.is_empty() {
        fs::write(folder.join("growth.svg"), plots::growth(report))?;
    }
    Ok(())
}

/// What measured, for the foot of a picture.
fn foot(report: &Report) -> Vec<String> {
    let machine = &report.machine;
    let mut lines =
        vec![format!("mst-profiles {}; {}; {}", machine.library, machine.processor, machine.rustc)];
    if let (Some(node), Some(colyseus)) = (&machine.node, &machine.colyseus) {
        lines.push(format!(
            "node {node}; @colyseus/schema {colyseus}; serde_json {}; bincode {}; prost {}; medians of {} runs",
            machine.serde_json, machine.bincode, machine.prost, machine.runs
        ));
    }
    lines
}
