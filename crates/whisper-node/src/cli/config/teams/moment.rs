//! A date of TOML as seconds since 1970.

use toml::value::{Datetime, Offset, Time};

/// Seconds since 1970. A date alone is its first moment in UTC. `None` for a time without a date or without an offset, and
/// before 1970.
pub(super) fn unix_time(moment: &Datetime) -> Option<u64> {
    let date = moment.date?;
    let minutes_ahead = match (&moment.time, &moment.offset) {
        (None, None) | (Some(_), Some(Offset::Z)) => 0,
        (Some(_), Some(Offset::Custom { minutes })) => i64::from(*minutes),
        _ => return None,
    };
    let days = days_since_1970(date.year.into(), date.month.into(), date.day.into());
    let of_day = moment.time.as_ref().map_or(0, seconds_of_day);
    u64::try_from(days * 86_400 + of_day - minutes_ahead * 60).ok()
}

/// The moment in UTC; `None` after the year 9999.
pub(super) fn of_unix_time(seconds: u64) -> Option<Datetime> {
    let day = i64::try_from(seconds / 86_400).ok()?;
    // The average length of a year is 365.2425 days, so this is right or one year too early.
    let guess = 1970 + day * 400 / 146_097;
    let year = (guess - 1..=guess + 1).rev().find(|year| days_since_1970(*year, 1, 1) <= day)?;
    let month = (1..=12).rev().find(|month| days_since_1970(year, *month, 1) <= day)?;
    let of_month = day - days_since_1970(year, month, 1) + 1;
    let of_day = seconds % 86_400;
    let text = format!(
        "{year:04}-{month:02}-{of_month:02}T{:02}:{:02}:{:02}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    );
    text.parse().ok()
}

fn seconds_of_day(time: &Time) -> i64 {
    let (hour, minute) = (i64::from(time.hour), i64::from(time.minute));
    (hour * 60 + minute) * 60 + i64::from(time.second.unwrap_or(0))
}

/// Days from the begin of the year 0, in March, to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

/// Days since 1970-01-01 in the Gregorian calendar. The year begins in March, so that a leap day is the last of it.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_year = 365 * year + year / 4 - year / 100 + year / 400;
    // Months from March on have 31, 30, 31, 30, 31 days, twice.
    let before_month = (153 * month + 2) / 5;
    before_year + before_month + day - 1 - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_as_unix_does() {
        for (text, seconds) in [
            ("1970-01-01", Some(0)),
            ("1970-01-02T00:00:01Z", Some(86_401)),
            ("2000-02-29T12:30:00Z", Some(951_827_400)),
            ("2000-03-01", Some(951_868_800)),
            ("2100-03-01", Some(4_107_542_400)),
            ("2030-01-31T18:00:00+02:00", Some(1_896_105_600)),
            ("1969-12-31", None),
            ("2030-01-31T18:00:00", None),
            ("18:00:00", None),
        ] {
            assert_eq!(unix_time(&text.parse().unwrap()), seconds, "{text}");
        }
    }

    #[test]
    fn seconds_are_written_as_the_same_moment() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_401, "2000-02-29T12:30:01Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(of_unix_time(seconds).unwrap().to_string(), text);
        }
        for seconds in (0..5_000_000_000).step_by(86_399 * 7) {
            assert_eq!(of_unix_time(seconds).as_ref().and_then(unix_time), Some(seconds));
        }
        assert_eq!(of_unix_time(u64::MAX), None);
    }
}
