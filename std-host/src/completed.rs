//! The line of a download that completed, as opentracker writes it.

use core::fmt;
use core::net::IpAddr;

/// A download that completed, for [`log::info`](crate::log::info):
/// `time=2026-11-21T12:00:00+0000 event=completed info_hash=HEX peer_id=HEX ip=ADDRESS`.
///
/// The time is in UTC and says so: a router's time zone is in no place that a statically linked
/// program would look at. Nothing else in the program reads the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Completed<'a> {
    /// When, by the wall clock: seconds since 1970.
    pub time: u64,
    /// Of which torrent.
    pub info_hash: &'a [u8; 20],
    /// By whom; empty in the line if it isn't known.
    pub peer_id: Option<&'a [u8; 20]>,
    /// From where.
    pub ip: IpAddr,
}

impl fmt::Display for Completed<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "time={} event=completed info_hash={} peer_id={} ip={}",
            Utc(self.time),
            Hex(self.info_hash),
            Hex(self.peer_id.map_or(&[], |id| id)),
            self.ip
        )
    }
}

/// Upper case, as opentracker's.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(to, "{byte:02X}"))
    }
}

/// Seconds since 1970, as a date and time (ISO 8601).
struct Utc(u64);

impl fmt::Display for Utc {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / 86400, self.0 % 86400);
        // The calendar repeats every 400 years, so that no number makes this count for long.
        let mut year = 1970 + days / DAYS_IN_400_YEARS * 400;
        let mut day = days % DAYS_IN_400_YEARS;
        while day >= 365 + leap(year) {
            day -= 365 + leap(year);
            year += 1;
        }
        let mut month = 1;
        for length in [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if day < length {
                break;
            }
            day -= length;
            month += 1;
        }
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(to, "{year:04}-{month:02}-{:02}", day + 1)?;
        write!(to, "T{hour:02}:{minute:02}:{:02}+0000", second % 60)
    }
}

const DAYS_IN_400_YEARS: u64 = 400 * 365 + 97;

/// How many days more than 365 a year has.
const fn leap(year: u64) -> u64 {
    (year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)) as u64
}

#[cfg(test)]
mod tests {
    use super::{Completed, Utc};

    #[test]
    fn dates_are_those_of_the_calendar() {
        // By `date -u -d @SECONDS +%FT%T%z`.
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00+0000"),
            (68_255_999, "1972-02-29T23:59:59+0000"),
            (68_256_000, "1972-03-01T00:00:00+0000"),
            (951_782_400, "2000-02-29T00:00:00+0000"),
            (978_307_199, "2000-12-31T23:59:59+0000"),
            (1_795_262_400, "2026-11-21T12:00:00+0000"),
            (2_147_483_648, "2038-01-19T03:14:08+0000"),
            (4_107_542_400, "2100-03-01T00:00:00+0000"),
            (13_574_563_200, "2400-02-29T00:00:00+0000"),
            (253_402_300_799, "9999-12-31T23:59:59+0000"),
        ] {
            assert_eq!(Utc(seconds).to_string(), text);
        }
        // It ends, whatever the clock says.
        assert!(Utc(u64::MAX).to_string().ends_with("+0000"));
    }

    #[test]
    fn a_completed_download_is_opentrackers_line() {
        let mut completed = Completed {
            time: 1_795_262_400,
            info_hash: &[0xab; 20],
            peer_id: Some(b"-XX0001-0123456789\0\xff"),
            ip: "192.0.2.1".parse().unwrap(),
        };
        let hash = "AB".repeat(20);
        assert_eq!(
            completed.to_string(),
            format!(
                "time=2026-11-21T12:00:00+0000 event=completed info_hash={hash} \
                 peer_id=2D5858303030312D3031323334353637383900FF ip=192.0.2.1"
            )
        );
        completed.peer_id = None;
        completed.ip = "2001:db8::1".parse().unwrap();
        completed.time = 0;
        assert_eq!(
            completed.to_string(),
            format!(
                "time=1970-01-01T00:00:00+0000 event=completed info_hash={hash} peer_id= \
                 ip=2001:db8::1"
            )
        );
    }
}
