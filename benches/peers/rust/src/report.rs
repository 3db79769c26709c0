//! The figures, as they are written and read.

use serde::{Deserialize, Serialize};

/// What a program of measurements prints.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c_abi: Option<CAbi>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub growth: Vec<GrowthRow>,
    pub machine: Machine,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct CaseRow {
    pub case: String,
    pub ours: Figures,
    pub colyseus: Figures,
    pub serde_json: Figures,
    pub bincode: Figures,
    pub prost: Figures,
}

impl CaseRow {
    pub fn contenders(&self) -> [(&'static str, &Figures); 5] {
        [
            ("ours", &self.ours),
            ("colyseus", &self.colyseus),
            ("serde_json", &self.serde_json),
            ("bincode", &self.bincode),
            ("prost", &self.prost),
        ]
    }
}

/// Of a message; or, in the case `memory`, of a profile.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    pub bytes: u64,
    /// Of a whole profile as it travels: compressed, with its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compressed_bytes: Option<u64>,
    /// With what the allocator rounds up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usable_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make_ns: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply_ns: Option<f64>,
    /// Blocks of memory asked for in one round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make_allocs: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply_allocs: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Nanoseconds of one call through the C ABI.
#[derive(Debug, Serialize, Deserialize)]
pub struct CAbi {
    pub empty_call_ns: f64,
    pub set_i32_ns: f64,
    pub get_i32_ns: f64,
    pub delta_ns: f64,
    pub apply_ns: f64,
}

/// What one change costs in something of this size.
#[derive(Debug, Serialize, Deserialize)]
pub struct GrowthRow {
    pub what: String,
    pub size: u64,
    pub make_ns: f64,
    pub apply_ns: f64,
    pub bytes: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub kernel: String,
    pub library: String,
    pub rustc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colyseus: Option<String>,
    pub serde_json: String,
    pub bincode: String,
    pub prost: String,
    /// Runs of which the figures are medians.
    pub runs: usize,
    /// Rounds of changes in each run of a case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds: Option<usize>,
}

/// The one in the middle.
pub fn median<T: Copy + PartialOrd>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("no figure is a NaN"));
    sorted[sorted.len() / 2]
}

/// To one decimal: more is noise.
pub fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
