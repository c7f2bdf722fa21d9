"""When a scene happens: a fixed calendar, so that no running clock gets into a scenario."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from promptreg_plugins.generators.design import Dice
from promptreg_plugins.generators.home_security.taxonomy import HOURS

__all__ = ["day_name", "day_type_of", "moment", "time_of_day_of"]

_FIRST = date(2026, 1, 1)
_DAYS = 365
HOLIDAYS = {
    date(2026, 1, 1): "New Year's Day",
    date(2026, 2, 14): "Valentine's Day",
    date(2026, 4, 5): "Easter Sunday",
    date(2026, 5, 25): "Memorial Day",
    date(2026, 7, 4): "Independence Day",
    date(2026, 9, 7): "Labor Day",
    date(2026, 10, 31): "Halloween",
    date(2026, 11, 26): "Thanksgiving",
    date(2026, 12, 24): "Christmas Eve",
    date(2026, 12, 25): "Christmas Day",
    date(2026, 12, 31): "New Year's Eve",
}
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def day_type_of(day: date) -> str:
    """Return the taxonomy's word; a holiday is a holiday even on a weekend."""
    if day in HOLIDAYS:
        return "holiday"
    return "weekend" if day.weekday() >= 5 else "weekday"


def time_of_day_of(at: datetime) -> str:
    """Return the taxonomy's word for an hour."""
    return next(word for word, (first, last) in HOURS.items() if first <= at.hour <= last)


def day_name(day: date) -> str:
    """Return `Saturday`, or `Saturday, Independence Day`."""
    name = _NAMES[day.weekday()]
    return f"{name}, {HOLIDAYS[day]}" if day in HOLIDAYS else name


_BY_TYPE: dict[str, list[date]] = {}
for _i in range(_DAYS):
    _day = _FIRST + timedelta(days=_i)
    _BY_TYPE.setdefault(day_type_of(_day), []).append(_day)


def moment(time_of_day: str, day_type: str, dice: Dice) -> datetime:
    """Return a second of such a day; three minutes later it is still the same time of day."""
    first, last = HOURS[time_of_day]
    day = dice.pick(_BY_TYPE[day_type])
    hour = dice.between(first, last)
    return datetime(day.year, day.month, day.day, hour, dice.between(0, 56), dice.between(0, 59))
