//! A time as people write it.

use core::fmt;

/// Seconds since 1970 as `YYYY-MM-DD HH:MM:SS UTC`, in the calendar of today.
#[derive(Clone, Copy)]
pub(crate) struct Date(pub(crate) u64);

impl fmt::Display for Date {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / DAY, self.0 % DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        // Years that begin in March, so that the day that comes and goes is the last: days since
        // March 1 of year 0, in spans of 400 years that are all alike.
        let days = days.saturating_add(719_468);
        let (span, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, late) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let year = span.saturating_mul(400).saturating_add(year + late);
        write!(
            to,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"
        )
    }
}

const DAY: u64 = 24 * 3600;

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::Date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (1_796_515_200, "2026-12-06 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(Date(seconds).to_string(), date);
        }
        // No number is too large to be shown.
        let _ = Date(u64::MAX).to_string();
    }
}
