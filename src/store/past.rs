//! What of the documents and rows that a store keeps makes a version again.

use super::JournalRow;

/// Chooses the document and the rows of [`StoredHistory`](super::StoredHistory). `documents` are the versions of which there
/// are documents, ascending; `rows` gives those that there are beyond one version and up to another.
pub(super) fn look_back<E>(
    documents: &[u64],
    after: u64,
    limit: usize,
    mut rows: impl FnMut(u64, u64) -> Result<Vec<JournalRow>, E>,
) -> Result<(Option<u64>, Vec<JournalRow>), E> {
    let through = after.saturating_add(limit as u64);
    let place = documents.partition_point(|version| *version <= after);
    let base = place.checked_sub(1).and_then(|place| documents.get(place)).copied();
    let next = documents.get(place).copied();
    let from = base.unwrap_or(0);
    // The row after it tells whether it goes on from there, asked for or not.
    let mut found = without_gap(from, rows(from, through.max(after.saturating_add(1)))?);
    let reached = found.last().map_or(from, |row| row.version);
    match next {
        // What leads beyond the version asked for is not all there: a master wrote a document, and died before the rows that led
        // to it were appended; or the beginning is gone.
        Some(next) if reached <= after => {
            let through = through.max(next.saturating_add(limit as u64));
            Ok((Some(next), without_gap(next, rows(next, through)?)))
        }
        _ => {
            found.retain(|row| row.version <= through);
            Ok((base, found))
        }
    }
}

fn without_gap(from: u64, mut rows: Vec<JournalRow>) -> Vec<JournalRow> {
    let following = rows.iter().zip(1..).take_while(|(row, place)| row.version == from + place).count();
    rows.truncate(following);
    rows
}
