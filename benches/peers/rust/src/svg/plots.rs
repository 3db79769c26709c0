//! How the cost of one change grows with the size of what is changed: both axes logarithmic.

use std::collections::BTreeSet;

use super::canvas::{Anchor, Canvas, FAINT, INK, LINE, Style};
use crate::report::{GrowthRow, Report};

const MARGIN: f64 = 24.0;
const PANEL: (f64, f64) = (400.0, 300.0);
/// Around the axes of a panel: left, top, right, bottom.
const INSET: (f64, f64, f64, f64) = (62.0, 34.0, 16.0, 44.0);
/// Colours that people tell apart who see few of them.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const GROUPS: [(&str, &str); 3] =
    [("int_", "an int of a profile"), ("list_", "a list"), ("dict_", "a dictionary")];

/// Which of the figures of a row is drawn.
type Figure = fn(&GrowthRow) -> f64;

pub fn growth(report: &Report) -> String {
    let title = "One change, by the size of what is changed: nanoseconds of processor time";
    let mut canvas = Canvas::new();
    canvas.text(MARGIN, MARGIN + 14.0, Style::new(16, INK).bold(true), title);
    let top = MARGIN + 34.0;
    let legend = 26.0;
    let range = Range::around(report.growth.iter().flat_map(|row| [row.make_ns, row.apply_ns]));
    for (down, (prefix, what)) in GROUPS.into_iter().enumerate() {
        let rows: Vec<_> = report.growth.iter().filter(|row| row.what.starts_with(prefix)).collect();
        let y = top + (PANEL.1 + legend) * down as f64;
        let panels: [(&str, Figure); 2] =
            [("change and encode", |row| row.make_ns), ("decode and apply", |row| row.apply_ns)];
        for (across, (side, figure)) in panels.into_iter().enumerate() {
            let x = MARGIN + PANEL.0 * across as f64;
            panel(&mut canvas, (x, y), &format!("{what}: {side}"), &rows, figure, range);
        }
        names(&mut canvas, (MARGIN + INSET.0, y + PANEL.1 + 6.0), prefix, &rows);
    }
    let mut y = top + (PANEL.1 + legend) * GROUPS.len() as f64 + 20.0;
    for line in super::foot(report) {
        canvas.text(MARGIN, y, Style::new(12, FAINT), &line);
        y += 18.0;
    }
    canvas.finish(MARGIN * 2.0 + PANEL.0 * 2.0, y + MARGIN - 18.0, title)
}

/// Powers of ten from which to which an axis goes.
#[derive(Clone, Copy)]
struct Range {
    from: f64,
    to: f64,
}

impl Range {
    fn around(values: impl Iterator<Item = f64>) -> Self {
        let (least, most) = values
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, 1.0_f64), |(least, most), value| (least.min(value), most.max(value)));
        let from = least.min(most).log10().floor();
        Self { from, to: most.log10().ceil().max(from + 1.0) }
    }

    /// Where the value is between both ends, from 0 to 1.
    fn place(self, value: f64) -> f64 {
        (value.max(f64::MIN_POSITIVE).log10() - self.from).max(0.0) / (self.to - self.from)
    }

    fn powers(self) -> impl Iterator<Item = f64> {
        (self.from as i32..=self.to as i32).map(|power| 10.0_f64.powi(power))
    }
}

fn panel(
    canvas: &mut Canvas,
    corner: (f64, f64),
    title: &str,
    rows: &[&GrowthRow],
    figure: Figure,
    range: Range,
) {
    let (left, top) = (corner.0 + INSET.0, corner.1 + INSET.1);
    let (width, height) = (PANEL.0 - INSET.0 - INSET.2, PANEL.1 - INSET.1 - INSET.3);
    let sizes = Range::around(rows.iter().map(|row| row.size as f64));
    let x = |size: f64| left + width * sizes.place(size);
    let y = |ns: f64| top + height * (1.0 - range.place(ns));
    let tick = Style::new(12, FAINT);

    canvas.text(left, top - 12.0, Style::new(14, INK).bold(true), title);
    for ns in range.powers() {
        canvas.line((left, y(ns)), (left + width, y(ns)), LINE);
        canvas.text(left - 6.0, y(ns) + 4.0, tick.anchor(Anchor::End), &time(ns));
    }
    for size in sizes.powers() {
        canvas.line((x(size), top), (x(size), top + height), LINE);
        canvas.text(x(size), top + height + 18.0, tick.anchor(Anchor::Middle), &count(size));
    }
    for (what, colour) in kinds(rows).into_iter().zip(COLOURS) {
        let mut points: Vec<_> = rows.iter().filter(|row| row.what == what).collect();
        points.sort_by_key(|row| row.size);
        let points: Vec<_> = points.iter().map(|row| (x(row.size as f64), y(figure(row)))).collect();
        canvas.curve(&points, colour);
    }
}

/// Which colour is what.
fn names(canvas: &mut Canvas, place: (f64, f64), prefix: &str, rows: &[&GrowthRow]) {
    let (mut x, y) = place;
    for (what, colour) in kinds(rows).into_iter().zip(COLOURS) {
        canvas.rectangle((x, y - 9.0), (10.0, 10.0), colour);
        let name = what.trim_start_matches(prefix).replace('_', " ");
        canvas.text(x + 16.0, y, Style::new(12, INK), &name);
        x += 44.0 + name.len() as f64 * 7.5;
    }
}

fn kinds<'a>(rows: &[&'a GrowthRow]) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    rows.iter().map(|row| row.what.as_str()).filter(|what| seen.insert(*what)).collect()
}

fn time(ns: f64) -> String {
    match ns {
        _ if ns >= 1e9 => format!("{:.0} s", ns / 1e9),
        _ if ns >= 1e6 => format!("{:.0} ms", ns / 1e6),
        _ if ns >= 1e3 => format!("{:.0} µs", ns / 1e3),
        _ => format!("{ns:.0} ns"),
    }
}

fn count(size: f64) -> String {
    if size >= 1e3 { format!("{:.0} k", size / 1e3) } else { format!("{size:.0}") }
}
