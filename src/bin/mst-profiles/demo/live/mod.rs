//! The live view of the match, for whoever watches on a terminal.

mod draw;
mod progress;
#[cfg(test)]
mod tests;
mod view;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};

use self::draw::{draw, rows_shown};
use self::view::View;
use super::latency::Latencies;
use super::report::{Role, Said};

/// Time between two pictures.
const FRAME: Duration = Duration::from_millis(33);
/// Rows that a page of scrolling goes.
const PAGE: isize = 10;

/// The terminal while it belongs to the view. Dropping it gives the terminal back as it was; so does a panic.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    view: View,
    /// Lines for the standard error, once the terminal is given back.
    pub(super) complaints: Vec<String>,
    opened: Instant,
    drawn: Option<Instant>,
    /// Whether keys can be read. A terminal that only shows is no reason not to show.
    has_keys: bool,
}

impl Screen {
    /// Takes the terminal, to show profiles with these properties.
    ///
    /// # Errors
    /// When the terminal does not take it; it is as it was then.
    pub(super) fn open(properties: &[&str]) -> io::Result<Self> {
        let terminal = ratatui::try_init().inspect_err(|_| {
            // Half of it may be done.
            let _ = ratatui::try_restore();
        })?;
        Ok(Self {
            terminal,
            view: View::new(properties),
            complaints: Vec::new(),
            opened: Instant::now(),
            drawn: None,
            has_keys: true,
        })
    }

    /// Takes in what a process said.
    pub(super) fn heard(&mut self, role: Role, said: &Said) {
        self.view.heard(role, said);
    }

    /// Says what the match is at.
    pub(super) fn show_phase(&mut self, phase: &'static str) {
        self.view.phase = phase;
    }

    /// Draws when it is time to, and looks for keys. False when the user wants it to end.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn refresh(&mut self, latencies: &Latencies) -> io::Result<bool> {
        if !self.until_refresh().is_zero() {
            return Ok(true);
        }
        self.drawn = Some(Instant::now());
        self.view.advance(self.opened.elapsed(), latencies);
        self.terminal.draw(|frame| draw(frame, &self.view))?;
        Ok(self.take_keys())
    }

    /// Time until [`refresh`](Self::refresh) does something.
    pub(super) fn until_refresh(&self) -> Duration {
        self.drawn.map_or(Duration::ZERO, |drawn| FRAME.saturating_sub(drawn.elapsed()))
    }

    fn take_keys(&mut self) -> bool {
        while self.has_keys {
            match event::poll(Duration::ZERO).and_then(|is_there| is_there.then(event::read).transpose()) {
                Ok(None) => break,
                Ok(Some(Event::Key(key))) if ends(&key) => return false,
                Ok(Some(Event::Key(key))) if key.is_press() => self.scroll(key.code),
                Ok(Some(_)) => {}
                Err(_) => self.has_keys = false,
            }
        }
        true
    }

    fn scroll(&mut self, key: KeyCode) {
        let rows = match key {
            KeyCode::Down => 1,
            KeyCode::Up => -1,
            KeyCode::PageDown => PAGE,
            KeyCode::PageUp => -PAGE,
            _ => return,
        };
        let height = self.terminal.size().map_or(0, |size| size.height);
        self.view.scroll(rows, rows_shown(height, &self.view));
    }
}

/// Ctrl-C is a key here: while keys are read one by one, the terminal makes no signal of it.
fn ends(key: &KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => key.is_press(),
        KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A panic has given it back already; once more would move the cursor into what it said. The cursor is shown again
        // when the terminal is dropped, after this.
        if !std::thread::panicking() {
            let _ = ratatui::try_restore();
        }
        // Whoever started it may not want to know.
        let mut errors = io::stderr();
        for complaint in &self.complaints {
            let _ = writeln!(errors, "{complaint}");
        }
    }
}
