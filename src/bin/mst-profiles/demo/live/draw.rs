//! Draws the live view. It reads the state and nothing else, so that the same state makes the same picture.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Row as TableRow, Sparkline, SparklineBar, Table};

use super::progress::Followed;
use super::view::{Cell, LogEntry, OBSERVERS, PlayerView, View, text_of};
use crate::demo::report::Role;

/// Lines of a table beside its rows: the borders and the heading.
const TABLE_EXTRA_HEIGHT: u16 = 3;
/// Lines that the figures take.
const FIGURES_HEIGHT: u16 = 4;
/// Columns that their texts take; the sparkline gets the rest.
const FIGURES_WIDTH: u16 = 58;
/// Lines of the log that are kept when there is little room, with its heading.
const MIN_LOG_HEIGHT: u16 = 3;
/// Columns below which the second player's table does not repeat the properties' names.
const WIDE: u16 = 130;
/// Columns of a value from which on the unconfirmed value stands beside the confirmed one.
const ROOM_FOR_BOTH: usize = 14;

const DIM: Style = Style::new().fg(Color::DarkGray);
const HEADING: Style = Style::new().add_modifier(Modifier::BOLD);
const NEW: Style = Style::new().fg(Color::Green).add_modifier(Modifier::BOLD);
const PENDING: Style = Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);

pub(super) fn draw(frame: &mut Frame<'_>, view: &View) {
    let [title, tables, figures, log, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(rows_shown(frame.area().height, view).saturating_add(TABLE_EXTRA_HEIGHT)),
        Constraint::Length(FIGURES_HEIGHT),
        Constraint::Min(MIN_LOG_HEIGHT),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let seconds = view.now.as_secs_f64();
    let name = Span::styled("mst-profiles demo", HEADING);
    frame.render_widget(Line::from(vec![name, format!("  {seconds:.1} s  {}", view.phase).into()]), title);
    draw_tables(frame, tables, view);
    draw_figures(frame, figures, view);
    draw_log(frame, log, view);
    let legend = [
        Span::styled("q ends, ↑↓ scroll   ", DIM),
        Span::styled("changed just now", NEW),
        Span::styled("   * unconfirmed (≥ 0.3 s)", PENDING),
        Span::styled("   · not visible", DIM),
    ];
    frame.render_widget(Line::from_iter(legend), keys);
}

/// The properties that there is room for on a terminal of this height.
pub(super) fn rows_shown(height: u16, view: &View) -> u16 {
    // Beside the title and the keys.
    let room = height.saturating_sub(2 + TABLE_EXTRA_HEIGHT + FIGURES_HEIGHT + MIN_LOG_HEIGHT);
    room.min(u16::try_from(view.rows()).unwrap_or(u16::MAX))
}

fn draw_tables(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let rows = view.players.iter().flat_map(|player| &player.rows);
    let longest = rows.map(|row| Span::raw(row.property.as_str()).width()).max().unwrap_or_default();
    let is_wide = area.width >= WIDE;
    // Borders, and a space between any two columns.
    let tables = view.players.len() as u16;
    let names = if is_wide { tables } else { 1 };
    let borders = 2 * tables;
    let spaces = tables * (OBSERVERS as u16 - 1) + names;
    let name = (longest as u16).min(area.width / (3 * names));
    let room = area.width.saturating_sub(borders + spaces + names * name);
    let value = room / (tables * OBSERVERS as u16);
    let values = OBSERVERS as u16 * value + OBSERVERS as u16 - 1;
    let width = |number: usize| {
        let has_names = number == 0 || is_wide;
        2 + values + if has_names { name + 1 } else { 0 }
    };
    let areas = Layout::horizontal((0..view.players.len()).map(|number| Constraint::Length(width(number))))
        .split(area);
    for (number, (player, area)) in view.players.iter().zip(areas.iter()).enumerate() {
        let name = (number == 0 || is_wide).then_some(name);
        draw_player(frame, *area, view, player, name, value);
    }
}

fn draw_player(
    frame: &mut Frame<'_>,
    area: Rect,
    view: &View,
    player: &PlayerView,
    name: Option<u16>,
    value: u16,
) {
    let shown = usize::from(area.height.saturating_sub(TABLE_EXTRA_HEIGHT));
    // There is no scrolling beyond the end.
    let first = view.first_row.min(player.rows.len().saturating_sub(shown));
    let rows = player.rows.iter().skip(first).take(shown).map(|row| {
        let name = name.map(|width| Line::raw(fit(&row.property, usize::from(width))));
        let cells = row.cells.iter().map(|cell| cell_line(cell, view, usize::from(value)));
        TableRow::new(name.into_iter().chain(cells))
    });
    let observers =
        player.observers.iter().map(|role| Line::raw(fit(&observer(*role, player, value), value.into())));
    let heading = name.map(|_| Line::raw("property")).into_iter().chain(observers);
    let widths = name.into_iter().chain([value; OBSERVERS]).map(Constraint::Length);
    let hidden = player.rows.len().saturating_sub(shown);
    let title = match hidden {
        0 => format!(" {} ", player.user),
        _ => format!(" {}: {} to {} of {} ", player.user, first + 1, first + shown, player.rows.len()),
    };
    let table = Table::new(rows, widths)
        .header(TableRow::new(heading).style(DIM))
        .block(Block::bordered().title(Span::styled(title, HEADING)).border_style(DIM));
    frame.render_widget(table, area);
}

/// What to call an observer of a player's profile.
fn observer(role: Role, player: &PlayerView, room: u16) -> String {
    let is_short = room < 11;
    match role {
        Role::Server if is_short => "server".into(),
        Role::Server => "game server".into(),
        Role::Client(number) => {
            let user = crate::demo::PLAYERS[number];
            match is_short {
                true => user.into(),
                false if user == player.user => "own game".into(),
                false => format!("{user}'s game"),
            }
        }
        Role::Master => "master".into(),
    }
}

fn cell_line(cell: &Cell, view: &View, room: usize) -> Line<'static> {
    if cell.shown.is_empty() {
        return Line::styled("·", DIM);
    }
    if cell.is_pending(view.now) {
        let both = format!("{}* ← {}", cell.shown, cell.confirmed);
        let text = match cell.confirmed != cell.shown && room >= ROOM_FOR_BOTH {
            true if Span::raw(&both).width() <= room => both,
            _ => format!("{}*", fit(&cell.shown, room.saturating_sub(1))),
        };
        return Line::styled(text, PENDING);
    }
    let style = if cell.is_new(view.now) { NEW } else { Style::new() };
    Line::styled(fit(&cell.shown, room), style)
}

fn draw_figures(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let [texts, chart] =
        Layout::horizontal([Constraint::Length(FIGURES_WIDTH), Constraint::Min(0)]).areas(area);
    let (counters, total) = (view.progress.counters, view.total());
    let saved = match total.delta_bytes {
        0 => String::new(),
        bytes => format!(" ({:.1} times)", total.snapshot_bytes as f64 / bytes as f64),
    };
    let refused = Span::styled(
        format!("   refused {}", counters.refused),
        if counters.refused > 0 { BAD } else { Style::new() },
    );
    let changes =
        format!("made {}   applied {}   durable {}", counters.made, counters.applied, counters.durable);
    let latency = match view.latency {
        Some(latency) => format!("median {} µs   99th percentile {} µs", latency.p50, latency.p99),
        None => "none yet".into(),
    };
    let lines = vec![
        Line::from(vec![Span::styled("changes  ", HEADING), changes.into(), refused]),
        Line::from(vec![
            Span::styled("deltas   ", HEADING),
            format!("{} bytes in {}", total.delta_bytes, total.deltas).into(),
        ]),
        Line::from(vec![
            Span::styled("instead  ", HEADING),
            format!("{} bytes, were they whole profiles{saved}", total.snapshot_bytes).into(),
        ]),
        Line::from(vec![Span::styled("latency  ", HEADING), latency.into()]),
    ];
    frame.render_widget(Paragraph::new(lines), texts);

    // The newest are on the right.
    let skip = view.latency_samples.len().saturating_sub(usize::from(chart.width));
    let bars = view.latency_samples.iter().skip(skip).map(|micros| SparklineBar::from(*micros));
    let block = Block::new().borders(Borders::TOP).border_style(DIM);
    let block = block.title(Span::styled("medians of latency", DIM));
    frame.render_widget(
        Sparkline::default().data(bars).style(Style::new().fg(Color::Cyan)).block(block),
        chart,
    );
}

fn draw_log(frame: &mut Frame<'_>, area: Rect, view: &View) {
    let room = usize::from(area.height.saturating_sub(1));
    let skip = view.log.len().saturating_sub(room);
    let first = view.first.unwrap_or_default();
    let lines: Vec<Line<'_>> = view.log.iter().skip(skip).map(|entry| log_line(entry, first)).collect();
    let title = Span::styled("what happened: some of the changes, and milliseconds until each step", HEADING);
    let block = Block::new().borders(Borders::TOP).border_style(DIM).title(title);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn log_line(entry: &LogEntry, first: u64) -> Line<'static> {
    match entry {
        LogEntry::Change(change) => change_line(change, first),
        LogEntry::Event { at, role, user, text, is_bad } => {
            let style = if *is_bad { BAD } else { Style::new() };
            Line::from(vec![begin(*at, first, *role, user), Span::styled(text.clone(), style)])
        }
    }
}

fn change_line(change: &Followed, first: u64) -> Line<'static> {
    let millis = |micros: u64| format!("{:.2}", micros as f64 / 1000.0);
    let what = match &change.value {
        // It stands elsewhere, or nowhere.
        serde_json::Value::Null if change.property.contains(" to ") => format!("{} moved", change.property),
        serde_json::Value::Null => format!("{} removed", change.property),
        value => format!("{} = {}", change.property, fit(&text_of(value), 24)),
    };
    let mut spans = vec![begin(change.at, first, change.role, &change.user), Span::styled(what, HEADING)];
    if let Some(reason) = &change.refused {
        spans.push(Span::styled(format!("  refused: {reason}"), BAD));
    }
    for (what, after) in [("applied", change.applied), ("durable", change.durable)] {
        let Some(after) = after.filter(|_| change.refused.is_none()) else { continue };
        spans.push(Span::styled(format!("  {what} {}", millis(after)), Style::new().fg(Color::Green)));
    }
    for (role, after) in &change.seen {
        spans.push(format!("  {role} {}", millis(*after)).into());
    }
    Line::from(spans)
}

/// When, who, and about whom.
fn begin(at: u64, first: u64, role: Role, user: &str) -> Span<'static> {
    let seconds = at.saturating_sub(first) as f64 / 1_000_000.0;
    Span::styled(format!("{seconds:>6.3} s {role:<7} {user} "), DIM)
}

/// As much of a text as there is room for.
fn fit(text: &str, room: usize) -> String {
    if Span::raw(text).width() <= room {
        return text.into();
    }
    let mut fitting = String::new();
    for character in text.chars() {
        fitting.push(character);
        // One column is for the sign that something is missing.
        if Span::raw(&fitting).width() >= room {
            fitting.pop();
            break;
        }
    }
    if room > 0 {
        fitting.push('…');
    }
    fitting
}
