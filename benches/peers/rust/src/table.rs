//! The figures as text.

use std::fmt::Write;

use crate::report::{Figures, Report};

pub fn table(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a text can't fail.
    let _ = write_cases(&mut text, report);
    let _ = write_rest(&mut text, report);
    text
}

fn write_cases(text: &mut String, report: &Report) -> std::fmt::Result {
    if report.cases.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "{:18} {:11} {:>7} {:>10} {:>10} {:>11} {:>12}  note",
        "case", "contender", "bytes", "ns make", "ns apply", "allocs make", "allocs apply"
    )?;
    for row in &report.cases {
        for (place, (name, figures)) in row.contenders().into_iter().enumerate() {
            let case = if place == 0 { row.case.as_str() } else { "" };
            let Figures { bytes, make_ns, apply_ns, make_allocs, apply_allocs, .. } = *figures;
            let note = figures.note.clone().or_else(|| Some(format!("{} usable", figures.usable_bytes?)));
            let note = note.or_else(|| Some(format!("{} bytes as it travels: compressed", figures.compressed_bytes?)));
            writeln!(
                text,
                "{case:18} {name:11} {bytes:>7} {:>10} {:>10} {:>11} {:>12}  {}",
                number(make_ns),
                number(apply_ns),
                tenths(make_allocs),
                tenths(apply_allocs),
                note.unwrap_or_default()
            )?;
        }
    }
    writeln!(text, "\n{:18} {:>7} {:>8} {:>8}", "colyseus / ours", "bytes", "make", "apply")?;
    for row in &report.cases {
        let ratio = |of: fn(&Figures) -> Option<f64>| match (of(&row.colyseus), of(&row.ours)) {
            (Some(theirs), Some(ours)) if ours > 0.0 => format!("{:.2}", theirs / ours),
            _ => "–".to_owned(),
        };
        let (bytes, make, apply) =
            (ratio(|f| Some(f.bytes as f64)), ratio(|f| f.make_ns), ratio(|f| f.apply_ns));
        writeln!(text, "{:18} {bytes:>7} {make:>8} {apply:>8}", row.case)?;
    }
    writeln!(text)
}

fn write_rest(text: &mut String, report: &Report) -> std::fmt::Result {
    if let Some(abi) = &report.c_abi {
        writeln!(
            text,
            "C ABI, ns a call: empty {}, set i32 {}, get i32 {}, set and take delta {}, apply delta {}\n",
            abi.empty_call_ns, abi.set_i32_ns, abi.get_i32_ns, abi.delta_ns, abi.apply_ns
        )?;
    }
    if !report.growth.is_empty() {
        writeln!(text, "{:20} {:>7} {:>10} {:>10} {:>7}", "growth", "size", "ns make", "ns apply", "bytes")?;
        for row in &report.growth {
            let (make, apply) = (number(Some(row.make_ns)), number(Some(row.apply_ns)));
            writeln!(text, "{:20} {:>7} {make:>10} {apply:>10} {:>7}", row.what, row.size, row.bytes)?;
        }
        writeln!(text)?;
    }
    let machine = &report.machine;
    writeln!(text, "{}, kernel {}", machine.processor, machine.kernel)?;
    write!(text, "mst-profiles {}, {}", machine.library, machine.rustc)?;
    if let (Some(node), Some(colyseus)) = (&machine.node, &machine.colyseus) {
        write!(text, ", node {node}, @colyseus/schema {colyseus}, serde_json {}", machine.serde_json)?;
        write!(text, ", bincode {}, prost {}", machine.bincode, machine.prost)?;
    }
    write!(text, "; medians of {} runs", machine.runs)?;
    if let Some(rounds) = machine.rounds {
        write!(text, " of {rounds} rounds")?;
    }
    writeln!(text)
}

fn number(value: Option<f64>) -> String {
    match value {
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) => format!("{value:.1}"),
        None => "–".to_owned(),
    }
}

fn tenths(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"))
}
