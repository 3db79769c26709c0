//! Moments of .NET.

use mst_profiles::DateTime;
use serde_json::Value as Json;

/// Ticks, of a ten millionth of a second, from the year 1 to 1970.
const UNIX_EPOCH_TICKS: i64 = 621_355_968_000_000_000;
/// `DateTime.MaxValue`.
const MAX_TICKS: i64 = 3_155_378_975_999_999_999;
const TICKS_PER_DAY: i64 = 864_000_000_000;
/// The two bits above the ticks say of what kind the moment is.
const KIND_SHIFT: u32 = 62;

/// Reads what `DateTime.ToBinary` gives. Of an unspecified kind, which is that of most, UTC is assumed.
pub(super) fn from_binary(binary: i64) -> Result<DateTime, String> {
    let is_local = binary.cast_unsigned() >> KIND_SHIFT >= 2;
    let mut ticks = binary & ((1 << KIND_SHIFT) - 1);
    // Local moments are stored as UTC; those that are before the year 1 there wrap around.
    if is_local && ticks > (1 << KIND_SHIFT) - TICKS_PER_DAY {
        ticks = 0;
    }
    if ticks > MAX_TICKS {
        return Err(format!("{binary:#x} is no moment"));
    }
    DateTime::from_unix_micros((ticks - UNIX_EPOCH_TICKS).div_euclid(10)).map_err(|error| error.to_string())
}

/// The same for when something happened, if it did: for what did not, the first or the last moment there is stands.
pub(super) fn unless_never(moment: DateTime) -> DateTime {
    let is_never = moment == DateTime::MIN || moment.to_string().starts_with("9999-12-31");
    if is_never { DateTime::UNIX_EPOCH } else { moment }
}

pub(super) fn to_json(moment: DateTime) -> Json {
    Json::from(moment.to_string())
}

/// Reads what `DateTime.ToString` gave in the language of the server, as far as that is known without it. A moment without a
/// zone is taken as UTC.
pub(super) fn from_text(text: &str) -> Result<DateTime, String> {
    let text = text.trim();
    if let Some(moment) = DateTime::parse(text) {
        return Ok(moment);
    }
    let not_understood = || format!("`{text}` is no moment that all languages write alike");
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date.trim_end_matches(','), time.trim()),
        None => (text, ""),
    };
    let (year, month, day) = date_from_text(date).ok_or_else(not_understood)?;
    let time = time_from_text(time).ok_or_else(not_understood)?;
    DateTime::parse(&format!("{year:04}-{month:02}-{day:02}T{time}Z")).ok_or_else(not_understood)
}

fn date_from_text(text: &str) -> Option<(u32, u32, u32)> {
    let separator = text.chars().find(|c| !c.is_ascii_digit())?;
    let mut parts = text.trim_end_matches(separator).split(separator).map(|part| (part.len(), number(part)));
    let ((length, first), (_, second), (last_length, third)) = (parts.next()?, parts.next()?, parts.next()?);
    let (first, second, third) = (first?, second?, third?);
    if parts.next().is_some() {
        return None;
    }
    match (separator, length, last_length) {
        ('-' | '/' | '.', 4, _) => Some((first, second, third)),
        // Where points stand between, the day comes first.
        ('.', _, 4) => Some((third, second, first)),
        // Else either may: what can't be a month is the day.
        ('/' | '-', _, 4) if second > 12 => Some((third, first, second)),
        ('/' | '-', _, 4) if first > 12 || first == second => Some((third, second, first)),
        _ => None,
    }
}

/// Hours, minutes and seconds, and what is below.
fn time_from_text(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("00:00:00".into());
    }
    let upper = text.to_ascii_uppercase();
    let (clock, half) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(clock), _) => (clock, Some(0)),
        (_, Some(clock)) => (clock, Some(12)),
        _ => (&*upper, None),
    };
    // .NET puts a narrow space there in some languages.
    let mut parts = clock.trim_end_matches(['\u{202f}', '\u{a0}', ' ']).split(':');
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let seconds = parts.next().unwrap_or("0");
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let second = number(second)?;
    let hour = match half {
        None => hour,
        Some(half) => (1..=12).contains(&hour).then_some(hour % 12 + half)?,
    };
    let is_fraction = fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
    let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
    is_fraction.then(|| format!("{hour:02}:{minute:02}:{second:02}{fraction}"))
}

fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn binary_moments_are_of_all_kinds() {
        let check = |binary: i64, text: &str| assert_eq!(from_binary(binary).unwrap().to_string(), text);
        // 2026-01-02T03:04:05.1234567, of no kind, UTC and local (which is stored as UTC).
        let ticks = UNIX_EPOCH_TICKS + 17_673_230_451_234_567;
        check(ticks, "2026-01-02T03:04:05.123456Z");
        check(ticks | 1 << 62, "2026-01-02T03:04:05.123456Z");
        check(ticks | i64::MIN, "2026-01-02T03:04:05.123456Z");
        check(0, "0001-01-01T00:00:00Z");
        check(MAX_TICKS, "9999-12-31T23:59:59.999999Z");
        // An hour before the year 1, in UTC.
        check(i64::MIN | ((1 << 62) - 36_000_000_000), "0001-01-01T00:00:00Z");
        assert!(from_binary(MAX_TICKS + 1).is_err());
        assert!(from_binary(-1 << 62 >> 1).is_err());
        for never in [0, MAX_TICKS] {
            assert_eq!(unless_never(from_binary(never).unwrap()), DateTime::UNIX_EPOCH);
        }
    }

    #[test]
    fn texts_are_read_where_they_mean_one_moment() {
        let check =
            |text: &str, moment: &str| assert_eq!(from_text(text).unwrap().to_string(), moment, "{text}");
        check("2026-01-02T03:04:05.1234567Z", "2026-01-02T03:04:05.123456Z");
        check("2026-01-02T05:04:05.0000000+02:00", "2026-01-02T03:04:05Z");
        check("2026-01-02T03:04:05", "2026-01-02T03:04:05Z");
        check("2026-01-02 03:04:05", "2026-01-02T03:04:05Z");
        check("2026/1/2 3:04:05", "2026-01-02T03:04:05Z");
        check("02.01.2026 03:04:05", "2026-01-02T03:04:05Z");
        check("1/13/2026 3:04:05 PM", "2026-01-13T15:04:05Z");
        check("1/13/2026 12:04:05 AM", "2026-01-13T00:04:05Z");
        check("13/01/2026 15:04:05", "2026-01-13T15:04:05Z");
        check("02/02/2026 15:04", "2026-02-02T15:04:00Z");
        check("12/31/9999 11:59:59\u{202f}PM", "9999-12-31T23:59:59Z");
        for unclear in [
            "1/2/2026 3:04:05 AM",
            "02-01-2026 03:04:05",
            "2. Januar 2026",
            "13/13/2026 00:00:00",
            "1/13/2026 13:00:00 PM",
            "1/13/26 3:04:05",
            "",
            "soon",
        ] {
            assert!(from_text(unclear).is_err(), "{unclear}");
        }
    }
}
