"""How a value is written in a mail or a sentence."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Final

DEFAULT_LANGUAGE: Final = "zh-CN"

_ISO_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def printed(value: object, language: str = DEFAULT_LANGUAGE) -> object:
    """Return what a template prints for a value: dates in words, numbers without idle zeros.

    Raises TypeError for what is no statement in a letter: None (a value that is not known),
    true or false, a whole list or mapping.
    """
    if isinstance(value, date):
        return day(value, language)
    if isinstance(value, Decimal | float):
        return number(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(
            f"{str(value)[:40]!r} ({type(value).__name__}) would be printed; "
            "print texts, numbers and dates, and test `is none` where a value may be unknown"
        )
    return value


def day(value: date | str, language: str = DEFAULT_LANGUAGE) -> str:
    """Return `2022年7月15日`, or `15 July 2022`; an instant with its hour and minute.

    A text such as `2022-07-15` (a date that went through JSON) is taken for the date it says;
    any other text comes back as it is.
    """
    if isinstance(value, str):
        if not _ISO_DAY.fullmatch(value):
            return value
        value = date.fromisoformat(value)
    clock = f" {value:%H:%M}" if isinstance(value, datetime) else ""
    if language == DEFAULT_LANGUAGE:
        return f"{value.year}年{value.month}月{value.day}日{clock}"
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}{clock}"


def number(value: Decimal | float) -> str:
    """Return at most six decimal places (the facts' precision), no trailing zeros, no exponent."""
    text = f"{Decimal(str(value)):.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def percent(share: Decimal | float) -> str:
    """Return a share of one in percent with at most one decimal place: 0.755 is `75.5%`."""
    return f"{number(round(Decimal(str(share)) * 100, 1))}%"
