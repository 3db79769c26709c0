//! The few shapes that the pictures are made of.

use std::fmt::Write;

pub const INK: &str = "#1f2328";
pub const FAINT: &str = "#59636e";
pub const LINE: &str = "#d1d9e0";

/// A picture that shapes are added to.
pub struct Canvas {
    body: String,
}

/// Which side of a text is at its place.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub struct Style {
    pub size: u32,
    pub colour: &'static str,
    pub bold: bool,
    pub anchor: Anchor,
}

impl Style {
    pub const fn new(size: u32, colour: &'static str) -> Self {
        Self { size, colour, bold: false, anchor: Anchor::Start }
    }

    pub const fn bold(self, bold: bool) -> Self {
        Self { bold, ..self }
    }

    pub const fn anchor(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }
}

impl Canvas {
    pub fn new() -> Self {
        Self { body: String::new() }
    }

    pub fn text(&mut self, x: f64, y: f64, style: Style, text: &str) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if style.bold { "bold" } else { "normal" };
        let Style { size, colour, .. } = style;
        self.add(&format!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" font-weight="{weight}" fill="{colour}" text-anchor="{anchor}">{}</text>"#,
            escaped(text)
        ));
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(&format!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-width="1"/>"#
        ));
    }

    pub fn rectangle(&mut self, corner: (f64, f64), size: (f64, f64), fill: &str) {
        let ((x, y), (width, height)) = (corner, size);
        self.add(&format!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}"/>"#
        ));
    }

    pub fn curve(&mut self, points: &[(f64, f64)], colour: &str) {
        let mut path = String::new();
        for (x, y) in points {
            // Writing to a text can't fail.
            let _ = write!(path, "{x:.1},{y:.1} ");
        }
        self.add(&format!(
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
            path.trim_end()
        ));
        for (x, y) in points {
            self.add(&format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.5" fill="{colour}"/>"#));
        }
    }

    /// The picture, with what it shows in words.
    pub fn finish(self, width: f64, height: f64, title: &str) -> String {
        let title = escaped(title);
        format!(
            concat!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0}" height="{h:.0}" viewBox="0 0 {w:.0} {h:.0}" "#,
                r#"role="img" aria-label="{title}" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif">"#,
                "\n<title>{title}</title>\n",
                r##"<rect width="100%" height="100%" rx="6" fill="#ffffff"/>"##,
                "\n{body}</svg>\n",
            ),
            w = width,
            h = height,
            title = title,
            body = self.body,
        )
    }

    fn add(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
