//! Bytes on the network and in hand-made deltas: varints, values, deltas, snapshots, batches, control messages.
//! Pure and total: any bytes give a value or an error, and allocate no more than a small multiple of their length.

pub(crate) mod by_index;
#[cfg(feature = "quic")]
pub(crate) mod compress;
pub(crate) mod control;
pub(crate) mod delta;
#[cfg(test)]
#[cfg(feature = "sqlite")]
mod examples;
pub(crate) mod frames;
#[cfg(test)]
mod golden;
pub(crate) mod hash;
pub(crate) mod keys;
pub(crate) mod parts;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod values;
pub(crate) mod varint;
pub(crate) mod volatile;
