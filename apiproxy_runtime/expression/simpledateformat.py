"""Dates as java.text.SimpleDateFormat prints and reads them, with English names and American weeks.

Letters and their widths: class documentation of java.text.SimpleDateFormat. Weeks begin on Sunday and week 1 holds
1 January, as in Java's locale en_US. Years are those of the Gregorian calendar from 1 to 9999.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_LETTERS = "GyYMLwWDdFEuaHkKhmsSzZX"
_FIELDS = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+|'")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Format = Callable[[float, tzinfo], str]
_Part = Callable[[datetime], str]


class DateFormatError(ValueError):
    """A pattern that SimpleDateFormat refuses, a time outside the calendar, or text that does not fit."""


def _fields(pattern: str) -> list[tuple[str, str]]:
    """The pattern as (letter, run of it) and ('', literal text)."""
    fields = list[tuple[str, str]]()
    for match in _FIELDS.finditer(pattern):
        text, letter = match[0], match[2]
        if letter:
            if letter not in _LETTERS:
                raise DateFormatError(
                    f"{letter!r} is no letter of date formats: quote text with '…' in {pattern!r}"
                )
            if letter == "X" and len(text) > 3:
                raise DateFormatError(f"at most XXX is possible in {pattern!r}")
            fields.append((letter, text))
        elif text == "'":
            raise DateFormatError(f"a quote is not closed in {pattern!r}")
        elif text.startswith("'"):
            fields.append(("", match[1].replace("''", "'") or "'"))
        else:
            fields.append(("", text))
    return fields


# ---- printing


@lru_cache(256)
def compile_format(pattern: str) -> Format:
    """A function of (seconds since 1970, time zone) that prints after the pattern.

    Raises DateFormatError for a bad pattern; the function raises it for times outside the years 1 to 9999.
    """
    parts = [
        _literal(text) if not letter else _printer(letter, len(text)) for letter, text in _fields(pattern)
    ]

    def format_time(seconds: float, zone: tzinfo) -> str:
        try:
            moment = (_EPOCH + timedelta(milliseconds=round(seconds * 1000))).astimezone(zone)
        except (OverflowError, ValueError):
            raise DateFormatError(f"{seconds} seconds since 1970 are outside the calendar") from None
        return "".join([part(moment) for part in parts])

    return format_time


def _literal(text: str) -> _Part:
    return lambda moment: text


def _year(width: int, of: Callable[[datetime], int]) -> _Part:
    if width == 2:
        return lambda moment: f"{of(moment) % 100:02d}"
    return _number(width, of)


def _number(width: int, of: Callable[[datetime], int]) -> _Part:
    return lambda moment: f"{of(moment):0{width}d}"


def _name(names: tuple[str, ...], full: bool, of: Callable[[datetime], int]) -> _Part:
    table = names if full else tuple(name[:3] for name in names)
    return lambda moment: table[of(moment)]


_NUMBERS: dict[str, Callable[[datetime], int]] = {
    "w": lambda m: _week(m)[1],
    "W": lambda m: (m.day + m.replace(day=1).isoweekday() % 7 - 1) // 7 + 1,
    "D": lambda m: m.timetuple().tm_yday,
    "d": lambda m: m.day,
    "F": lambda m: (m.day - 1) // 7 + 1,
    "u": lambda m: m.isoweekday(),
    "H": lambda m: m.hour,
    "k": lambda m: m.hour or 24,
    "K": lambda m: m.hour % 12,
    "h": lambda m: m.hour % 12 or 12,
    "m": lambda m: m.minute,
    "s": lambda m: m.second,
    "S": lambda m: m.microsecond // 1000,
}


def _printer(letter: str, width: int) -> _Part:
    match letter:
        case "G":
            return _literal("AD")
        case "y":
            return _year(width, lambda m: m.year)
        case "Y":
            return _year(width, lambda m: _week(m)[0])
        case "M" | "L":
            if width < 3:
                return _number(width, lambda m: m.month)
            return _name(MONTHS, width > 3, lambda m: m.month - 1)
        case "E":
            return _name(DAYS, width > 3, lambda m: m.weekday())
        case "a":
            return lambda m: "AM" if m.hour < 12 else "PM"
        case "z":
            return _zone_name if width < 4 else _full_zone_name
        case "Z":
            return lambda m: _offset(m, "")
        case "X":
            return _iso_offset(width)
    return _number(width, _NUMBERS[letter])


def _week(moment: datetime) -> tuple[int, int]:
    """Week year and week: weeks begin on Sunday, week 1 is the one that holds 1 January."""
    saturday = moment.toordinal() + 6 - moment.isoweekday() % 7
    year = moment.year
    if year < 9999 and saturday >= datetime(year + 1, 1, 1).toordinal():
        return year + 1, 1
    first = datetime(year, 1, 1)
    return year, (moment.timetuple().tm_yday - 1 + first.isoweekday() % 7) // 7 + 1


def _offset(moment: datetime, colon: str) -> str:
    minutes = int((moment.utcoffset() or timedelta()).total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}{colon}{rest:02d}"


def _iso_offset(width: int) -> _Part:
    def offset(moment: datetime) -> str:
        if not moment.utcoffset():
            return "Z"
        text = _offset(moment, ":" if width == 3 else "")
        return text[:3] if width == 1 else text

    return offset


def _zone_name(moment: datetime) -> str:
    name = moment.tzname() or ""
    return name if name[:1].isalpha() and not name.startswith("UTC+") and not name.startswith("UTC-") else (
        f"GMT{_offset(moment, ':')}"
    )  # fmt: skip


def _full_zone_name(moment: datetime) -> str:
    short = _zone_name(moment)
    return _ZONE_NAMES.get(short, short)


_ZONE_NAMES = {
    "UTC": "Coordinated Universal Time",
    "GMT": "Greenwich Mean Time",
    "CET": "Central European Standard Time",
    "CEST": "Central European Summer Time",
    "EST": "Eastern Standard Time",
    "EDT": "Eastern Daylight Time",
    "CST": "Central Standard Time",
    "CDT": "Central Daylight Time",
    "MST": "Mountain Standard Time",
    "MDT": "Mountain Daylight Time",
    "PST": "Pacific Standard Time",
    "PDT": "Pacific Daylight Time",
}


# ---- reading

_OFFSETS = {
    "Z": 0, "UTC": 0, "GMT": 0, "UT": 0,
    "CET": 60, "CEST": 120, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300,
    "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
}  # fmt: skip
_SHIFT = re.compile(r"(?:GMT|UTC)?([+-])(\d{2}):?(\d{2})?")
_WORD = re.compile(r"[A-Za-z]+")


def parse_date(text: str, pattern: str, zone: tzinfo = UTC, *, century: int = 1950) -> float:
    """Seconds since 1970 of a date written after the pattern.

    As DateFormat.parse: names ignore case, what follows the date is not looked at, and a field out of range runs
    over into the next (the 32nd of January is the 1st of February). `zone` counts where the text names none; years
    of two digits fall into the hundred years from `century` on. Raises DateFormatError.
    """
    fields = _fields(pattern)
    values, at = dict[str, int](), 0
    for position, (letter, run) in enumerate(fields):
        if not letter:
            if not text.startswith(run, at):
                raise _unfit(text, pattern, at)
            at += len(run)
            continue
        while text[at : at + 1] in (" ", "\t"):
            at += 1
        follows = fields[position + 1][0] if position + 1 < len(fields) else ""
        value, at = _read(
            text, at, letter, len(run), bool(follows) and _numeric(*fields[position + 1]), pattern
        )
        if letter == "y" and len(run) == 2 and value < 100:
            value += century // 100 * 100
            value += 100 if value < century else 0
        values[letter] = value
    return _moment(values, zone, text, pattern)


def _numeric(letter: str, run: str) -> bool:
    return letter in _NUMBERS or letter in "yY" or (letter in "ML" and len(run) < 3)


def _read(text: str, at: int, letter: str, width: int, abutting: bool, pattern: str) -> tuple[int, int]:
    if letter in "zZX":
        return _read_zone(text, at, pattern)
    names: tuple[str, ...] = ()
    if letter == "E":
        names = DAYS
    elif letter in "ML" and width > 2:
        names = MONTHS
    elif letter == "a":
        names = ("AM", "PM")
    elif letter == "G":
        names = ("BC", "AD")
    if names:
        rest = text[at:].lower()
        for index, name in enumerate(names):
            for form in (name, name[:3]):
                if rest.startswith(form.lower()):
                    return index + (letter in "ML"), at + len(form)
        raise _unfit(text, pattern, at)
    digits = re.compile(rf"\d{{{width}}}" if abutting else r"[-+]?\d{1,18}").match(text, at)
    if digits is None:
        raise _unfit(text, pattern, at)
    return int(digits[0]), digits.end()


def _read_zone(text: str, at: int, pattern: str) -> tuple[int, int]:
    shift = _SHIFT.match(text, at)
    if shift is not None:
        minutes = int(shift[2]) * 60 + int(shift[3] or 0)
        return -minutes if shift[1] == "-" else minutes, shift.end()
    word = _WORD.match(text, at)
    if word is not None and word[0].upper() in _OFFSETS:
        return _OFFSETS[word[0].upper()], word.end()
    raise _unfit(text, pattern, at)


def _unfit(text: str, pattern: str, at: int) -> DateFormatError:
    return DateFormatError(f"{text!r} is no date of the form {pattern!r}: see its character {at + 1}")


def _moment(values: dict[str, int], zone: tzinfo, text: str, pattern: str) -> float:
    year = values.get("y", values.get("Y", 1970))
    if values.get("G") == 0:
        raise DateFormatError(f"{text!r} is before the year 1")
    month = values.get("M", values.get("L", 1)) - 1
    hour = values.get("H", values.get("k", -1))
    if hour < 0:
        hour = values.get("K", values.get("h", 0)) % 12 + 12 * values.get("a", 0)
    elif "k" in values and "H" not in values:
        hour %= 24
    for letter in "zZX":
        if letter in values:
            zone = timezone(timedelta(minutes=values[letter]))
    try:
        start = datetime(year + month // 12, month % 12 + 1, 1)
        if "D" in values and "d" not in values:
            start = start.replace(month=1) + timedelta(days=values["D"] - 1)
        else:
            start += timedelta(days=values.get("d", 1) - 1)
        start += timedelta(
            hours=hour,
            minutes=values.get("m", 0),
            seconds=values.get("s", 0),
            milliseconds=values.get("S", 0),
        )
        return (start.replace(tzinfo=zone) - _EPOCH).total_seconds()
    except (ValueError, OverflowError):
        raise DateFormatError(f"{text!r} read as {pattern!r} is outside the calendar") from None
