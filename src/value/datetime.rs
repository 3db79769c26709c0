//! Moments in UTC.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::{Error, Result};

/// A moment in UTC, in microseconds, of the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateTime(i64);

impl DateTime {
    /// The first moment of the year 1.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// The last microsecond of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999_999);
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);

    /// From microseconds since 1970 UTC.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] outside the years 1 to 9999.
    pub fn from_unix_micros(micros: i64) -> Result<Self> {
        Self::checked(micros).ok_or_else(|| Error::InvalidArgument {
            argument: "datetime",
            reason: format!("{micros} microseconds since 1970 are not in the years 1 to 9999"),
        })
    }

    pub(crate) fn checked(micros: i64) -> Option<Self> {
        (Self::MIN.0..=Self::MAX.0).contains(&micros).then_some(Self(micros))
    }

    /// Microseconds since 1970 UTC.
    #[must_use]
    pub fn unix_micros(self) -> i64 {
        self.0
    }

    /// The moment that it is by the system's clock.
    #[must_use]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX).min(Self::MAX.0))
    }

    /// Reads RFC 3339, such as `2026-01-02T03:04:05.5Z`. Other offsets are turned into UTC; what is below a microsecond
    /// is cut off.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The parser takes whatever stands between date and time.
        if !matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' ')) {
            return None;
        }
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        Self::checked(i64::try_from(moment.unix_timestamp_nanos().div_euclid(1000)).ok()?)
    }
}

/// RFC 3339 in UTC, with as many digits of the second as it needs.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000);
        let text = moment.ok().and_then(|moment| moment.format(&Rfc3339).ok());
        f.write_str(&text.ok_or(fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_rfc_3339_in_utc() {
        let check = |text: &str, micros: i64, canonical: &str| {
            let moment = DateTime::parse(text).unwrap();
            assert_eq!(moment.unix_micros(), micros);
            assert_eq!(moment.to_string(), canonical);
            assert_eq!(DateTime::parse(canonical), Some(moment));
        };
        check("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z");
        check("2026-01-02T03:04:05Z", 1_767_323_045_000_000, "2026-01-02T03:04:05Z");
        check("2026-01-02T05:04:05.25+02:00", 1_767_323_045_250_000, "2026-01-02T03:04:05.25Z");
        check("1969-12-31T23:59:59.9999999Z", -1, "1969-12-31T23:59:59.999999Z");
        for moment in [DateTime::MIN, DateTime::MAX] {
            assert_eq!(DateTime::parse(&moment.to_string()), Some(moment));
        }
        for wrong in [
            "",
            "2026-01-02",
            "2026-02-30T00:00:00Z",
            "2026-01-02 03:04",
            "2026-01-02x03:04:05Z",
            "0000-01-01T00:00:00Z",
        ] {
            assert_eq!(DateTime::parse(wrong), None, "{wrong}");
        }
        assert!(DateTime::from_unix_micros(i64::MAX).is_err());
        assert!(DateTime::from_unix_micros(DateTime::MIN.0 - 1).is_err());
    }
}
