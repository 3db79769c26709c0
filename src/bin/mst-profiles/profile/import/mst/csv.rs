//! Files of comma-separated values, as RFC 4180 has them: fields in quotes may have commas, line ends, and quotes twice.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use crate::Failure;

/// Bytes of one row.
const MAX_ROW_BYTES: usize = 64 * 1024 * 1024;

pub(super) struct Rows<R> {
    shown: String,
    input: R,
    line: u64,
}

impl Rows<BufReader<File>> {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let file = File::open(path).map_err(|error| format!("{shown}: {error}"))?;
        Ok(Self::new(shown, BufReader::new(file)))
    }
}

impl<R: BufRead> Rows<R> {
    fn new(shown: String, input: R) -> Self {
        Self { shown, input, line: 0 }
    }

    /// The line that the last row ended at.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The fields of the next row. Empty lines are left out.
    pub(super) fn next(&mut self) -> Result<Option<Vec<String>>, Failure> {
        let mut text = Vec::new();
        loop {
            let left = (MAX_ROW_BYTES - text.len()) as u64;
            let read = (&mut self.input).take(left).read_until(b'\n', &mut text);
            let read = read.map_err(|error| format!("{}: {error}", self.shown))?;
            self.line += u64::from(read > 0);
            // Within quotes, the row goes on after the line.
            let is_open = text.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
            match (read, is_open) {
                (0, false) if text.is_empty() => return Ok(None),
                (0, true) => return Err(self.wrong("a quote is not closed").into()),
                (_, true) => continue,
                (_, false) if text.iter().all(u8::is_ascii_whitespace) => text.clear(),
                (_, false) => break,
            }
        }
        let text = std::str::from_utf8(&text).map_err(|_| self.wrong("is no UTF-8"))?;
        let text = if self.line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        fields(text).map(Some).map_err(|why| self.wrong(why).into())
    }

    fn wrong(&self, why: &str) -> String {
        format!("{}: line {}: {why}", self.shown, self.line)
    }
}

fn fields(mut rest: &str) -> Result<Vec<String>, &'static str> {
    let mut fields = Vec::new();
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (field, after) = unquote(quoted)?;
                (field, after)
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err("something stands behind a quoted field"),
        }
    }
}

/// What stands up to the quote that is not twice, and what comes after.
fn unquote(text: &str) -> Result<(String, &str), &'static str> {
    let (mut field, mut rest) = (String::new(), text);
    loop {
        let end = rest.find('"').ok_or("a quote is not closed")?;
        field += &rest[..end];
        match rest[end + 1..].strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Ok((field, &rest[end + 1..])),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Result<Vec<Vec<String>>, Failure> {
        let mut rows = Rows::new("x.csv".into(), text.as_bytes());
        std::iter::from_fn(|| rows.next().transpose()).collect()
    }

    #[test]
    fn fields_may_have_anything_in_quotes() {
        let text = "\u{feff}a,b,c\r\n1,\"x,\"\"y\"\"\r\nz\",\r\n\r\n\"\",,\"é\"";
        let expected = [vec!["a", "b", "c"], vec!["1", "x,\"y\"\r\nz", ""], vec!["", "", "é"]];
        assert_eq!(rows(text).unwrap(), expected);
        assert!(rows("").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let check = |text: &str, expected: &str| assert_eq!(rows(text).unwrap_err().to_string(), expected);
        check("a\n\"b\nc", "x.csv: line 3: a quote is not closed");
        check("a\n\"b\"c,d\"\"\n", "x.csv: line 2: something stands behind a quoted field");
    }
}
