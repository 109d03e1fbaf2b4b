from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.expression.simpledateformat import DateFormatError, compile_format, parse_date

NEW_YORK = ZoneInfo("America/New_York")
INDIA = timezone(timedelta(hours=5, minutes=30))


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("pattern", "moment", "printed"),
    [
        ("G y yy yyy yyyy yyyyy", "2017-05-10", "AD 2017 17 2017 2017 02017"),
        ("M MM MMM MMMM L LLLL", "2017-05-10", "5 05 May May 5 May"),
        ("MMM MMMM", "2018-09-01", "Sep September"),
        ("d dd ddd", "2017-05-09", "9 09 009"),
        ("D DDD", "2017-02-01", "32 032"),
        ("E EEE EEEE u", "2017-05-10", "Wed Wed Wednesday 3"),
        ("EEEE u", "2017-05-14", "Sunday 7"),
        ("H HH k kk K KK h hh a", "2017-05-10T00:30", "0 00 24 24 0 00 12 12 AM"),
        ("H HH k kk K KK h hh a", "2017-05-10T12:30", "12 12 12 12 0 00 12 12 PM"),
        ("H k K h", "2017-05-10T23:00", "23 23 11 11"),
        ("m mm s ss", "2017-05-10T01:02:03", "2 02 3 03"),
        ("S SS SSS SSSSSS", "2017-05-10T00:00:00.007", "7 07 007 000007"),
        ("F W", "2017-05-31", "5 5"),
        ("w YYYY", "2017-12-31", "1 2018"),
        ("w YYYY YY", "2017-12-30", "52 2017 17"),
        ("ww YYYY", "2021-01-01", "01 2021"),
        ("w W", "2020-02-29", "9 5"),
        ("yyyy-MM-dd'T'HH:mm'Z'", "2017-05-10T04:24", "2017-05-10T04:24Z"),
        ("h 'o''clock' '' a", "2017-05-10T04:24", "4 o'clock ' AM"),
        ("d. MMM — é", "2017-05-10", "10. May — é"),
        ("", "2017-05-10", ""),
    ],
)
def test_letters(pattern: str, moment: str, printed: str) -> None:
    assert compile_format(pattern)(seconds(moment), UTC) == printed


@pytest.mark.parametrize(
    ("zone", "printed"),
    [
        (UTC, "UTC +0000 Z Z Z Coordinated Universal Time"),
        (NEW_YORK, "EDT -0400 -04 -0400 -04:00 Eastern Daylight Time"),
        (INDIA, "GMT+05:30 +0530 +05 +0530 +05:30 GMT+05:30"),
        (ZoneInfo("Europe/Berlin"), "CEST +0200 +02 +0200 +02:00 Central European Summer Time"),
    ],
)
def test_zones(zone: tzinfo, printed: str) -> None:
    assert compile_format("z Z X XX XXX zzzz")(seconds("2017-07-10"), zone) == printed


@pytest.mark.parametrize("pattern", ["b", "yyyy-MM-ddTHH", "'open", "XXXX", "I", "yyyy '' ' x"])
def test_pattern_that_java_refuses(pattern: str) -> None:
    with pytest.raises(DateFormatError):
        compile_format(pattern)


@pytest.mark.parametrize("moment", [1e12, -1e12, 1e300])
def test_time_outside_the_calendar(moment: float) -> None:
    with pytest.raises(DateFormatError, match="outside the calendar"):
        compile_format("yyyy")(moment, UTC)


@pytest.mark.parametrize(
    ("text", "pattern", "moment"),
    [
        ("2024-01-02", "yyyy-MM-dd", "2024-01-02"),
        ("2024-02-31", "yyyy-MM-dd", "2024-03-02"),
        ("2024-13-01", "yyyy-MM-dd", "2025-01-01"),
        ("20240102030405", "yyyyMMddHHmmss", "2024-01-02T03:04:05"),
        ("5 jan 2024", "d MMM yyyy", "2024-01-05"),
        ("Jan 5, 2024 3:04 PM", "MMM d, yyyy h:mm a", "2024-01-05T15:04"),
        ("2024-01-02 12:00 AM", "yyyy-MM-dd hh:mm a", "2024-01-02"),
        ("2024-01-02T03:04:05Z", "yyyy-MM-dd'T'HH:mm:ssX", "2024-01-02T03:04:05"),
        ("2024-01-02T03:04:05+02:00", "yyyy-MM-dd'T'HH:mm:ssXXX", "2024-01-02T01:04:05"),
        ("2024-01-02T03:04:05-0500", "yyyy-MM-dd'T'HH:mm:ssZ", "2024-01-02T08:04:05"),
        ("Tue, 02 Jan 2024 03:04:05 GMT", "EEE, dd MMM yyyy HH:mm:ss z", "2024-01-02T03:04:05"),
        ("02 Jan 2024 03:04 EST", "dd MMM yyyy HH:mm z", "2024-01-02T08:04"),
        ("2024-01-02 and so on", "yyyy-MM-dd", "2024-01-02"),
        ("2024 070", "yyyy D", "2024-03-10"),
        ("24:00", "kk:mm", "1970-01-01"),
        ("49", "yy", "2049-01-01"),
        ("50", "yy", "1950-01-01"),
        ("1.5", "s.S", "1970-01-01T00:00:01.005"),
    ],
)
def test_reading(text: str, pattern: str, moment: str) -> None:
    assert parse_date(text, pattern) == seconds(moment)


def test_zone_counts_only_where_the_text_names_none() -> None:
    assert parse_date("2024-01-02", "yyyy-MM-dd", NEW_YORK) == seconds("2024-01-02T05:00")
    assert parse_date("2024-01-02 Z", "yyyy-MM-dd X", NEW_YORK) == seconds("2024-01-02")


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("x", "yyyy"),
        ("2024", "yyyy-MM"),
        ("Foo", "MMM"),
        ("1 MARS", "H z"),
        ("99999999 1", "yyyy M"),
        ("1 BC", "y G"),
    ],
)
def test_text_that_does_not_fit(text: str, pattern: str) -> None:
    with pytest.raises(DateFormatError):
        parse_date(text, pattern)


@given(st.text(), st.text())
def test_any_pattern_and_text_give_a_result_or_the_error(pattern: str, text: str) -> None:
    try:
        assert isinstance(compile_format(pattern)(0.0, UTC), str)
        assert isinstance(parse_date(text, pattern), float)
    except DateFormatError:
        return


@given(st.integers(-62_000_000_000_000, 253_000_000_000_000))
def test_what_is_printed_reads_back(milliseconds: int) -> None:
    pattern = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"
    printed = compile_format(pattern)(milliseconds / 1000, INDIA)
    assert round(parse_date(printed, pattern) * 1000) == milliseconds
