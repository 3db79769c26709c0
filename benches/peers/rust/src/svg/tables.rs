//! Tables of the cases: a row a case, a column a contender. The least of each row is bold.

use super::canvas::{Anchor, Canvas, FAINT, INK, LINE, Style};
use crate::report::{CaseRow, Figures, Report};

const MARGIN: f64 = 24.0;
const FIRST_COLUMN: f64 = 320.0;
const ROW: f64 = 30.0;

/// Bytes of a message, and of a profile in memory.
pub fn bytes(report: &Report) -> String {
    let title = "Bytes of a message that tells of one round of changes; the last row: of a profile in memory";
    let columns = contender_names(report);
    draw(report, title, 118.0, &columns, |figures| vec![Some(figures.bytes as f64)])
}

/// Processor time of making and applying a message.
pub fn times(report: &Report) -> String {
    let title = "Nanoseconds of processor time: change and encode | decode and apply";
    let columns = contender_names(report);
    draw(report, title, 158.0, &columns, |figures| match (figures.make_ns, figures.apply_ns) {
        (Some(make), Some(apply)) => vec![Some(make), (figures.bytes > 0).then_some(apply)],
        _ => Vec::new(),
    })
}

fn contender_names(report: &Report) -> Vec<&'static str> {
    let row = report.cases.first().map(CaseRow::contenders);
    row.into_iter().flatten().map(|(name, _)| name).collect()
}

/// Draws the table; `cell` gives the figures of a cell, none to leave the row out.
fn draw(
    report: &Report,
    title: &str,
    column: f64,
    columns: &[&str],
    cell: impl Fn(&Figures) -> Vec<Option<f64>>,
) -> String {
    let mut canvas = Canvas::new();
    let mut notes = Notes::default();
    let width = MARGIN * 2.0 + FIRST_COLUMN + column * columns.len() as f64;
    let (head, number) = (Style::new(14, INK).bold(true), Style::new(14, INK).anchor(Anchor::End));
    let right = |place: usize| MARGIN + FIRST_COLUMN + column * (place as f64 + 1.0) - 22.0;

    let mut y = MARGIN + 14.0;
    canvas.text(MARGIN, y, Style::new(16, INK).bold(true), title);
    y += 34.0;
    for (place, name) in columns.iter().enumerate() {
        canvas.text(right(place), y, head.anchor(Anchor::End), name);
    }
    y += 10.0;
    canvas.line((MARGIN, y), (width - MARGIN, y), FAINT);

    let mut shaded = false;
    for row in &report.cases {
        let cells = row.contenders().map(|(_, figures)| (cell(figures), figures.note.as_deref()));
        if cells.iter().all(|(figures, _)| figures.is_empty()) {
            continue;
        }
        if shaded {
            canvas.rectangle((MARGIN, y), (width - MARGIN * 2.0, ROW), "#f6f8fa");
        }
        shaded = !shaded;
        let base = y + 20.0;
        canvas.text(MARGIN + 6.0, base, Style::new(14, INK), described(&row.case));
        for (place, (figures, note)) in cells.iter().enumerate() {
            // Each figure of a cell is compared with those of the same kind, and has its share of the column.
            let share = (column - 28.0) / figures.len().max(1) as f64;
            for (kind, figure) in figures.iter().enumerate() {
                let of_row = cells.iter().filter_map(|(figures, _)| *figures.get(kind)?);
                let least = of_row.fold(f64::INFINITY, f64::min);
                let x = right(place) - share * (figures.len() - 1 - kind) as f64;
                let bold = *figure == Some(least) && least > 0.0;
                canvas.text(x, base, number.bold(bold), &figure.map_or_else(|| "–".to_owned(), grouped));
            }
            if let Some(note) = note {
                canvas.text(
                    right(place) + 3.0,
                    base - 5.0,
                    Style::new(10, FAINT),
                    &notes.number(note).to_string(),
                );
            }
        }
        y += ROW;
    }
    canvas.line((MARGIN, y), (width - MARGIN, y), LINE);
    y += 22.0;
    for (place, note) in notes.0.iter().enumerate() {
        canvas.text(MARGIN, y, Style::new(12, FAINT), &format!("{}  {note}", place + 1));
        y += 18.0;
    }
    for line in super::foot(report) {
        canvas.text(MARGIN, y, Style::new(12, FAINT), &line);
        y += 18.0;
    }
    canvas.finish(width, y + MARGIN - 18.0, title)
}

/// The notes under a table, each once.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn number(&mut self, note: &str) -> usize {
        let known = self.0.iter().position(|known| known == note);
        1 + known.unwrap_or_else(|| {
            self.0.push(note.to_owned());
            self.0.len() - 1
        })
    }
}

fn described(case: &str) -> &str {
    match case {
        "full" => "whole state, into a fresh object",
        "ints3_set" => "three ints set",
        "ints3_add" => "three ints raised by 1 to 60",
        "dict_entry" => "one of 30 dictionary entries set",
        "list_item" => "one of 50 list items set",
        "list_insert_front" => "inserted at the front of a list",
        "list_move" => "a list item moved",
        "nothing" => "nothing changed",
        "memory" => "a profile in memory",
        other => other,
    }
}

/// A whole number with its thousands apart; below ten with a decimal.
fn grouped(value: f64) -> String {
    if value < 10.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
