//! How far a long command is, on a terminal: nothing is shown anywhere else.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Of so many steps in all, where that is known.
pub(super) fn bar(total: Option<u64>, template: &str) -> ProgressBar {
    let is_shown = std::io::stderr().is_terminal();
    let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(total, target);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        // A template of ours that is no good shows as the usual bar.
        Err(_) => bar,
    }
}

/// Whether anybody sees it.
pub(super) fn is_shown() -> bool {
    std::io::stderr().is_terminal()
}
