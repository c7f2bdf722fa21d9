"""All formatting of numbers for people; machine-readable reports never pass through here."""

from __future__ import annotations

import math

__all__ = [
    "amount",
    "between",
    "change",
    "count",
    "duration",
    "interval",
    "level",
    "margin",
    "moved",
    "number",
    "p_value",
    "rate",
    "ratio",
    "score",
    "titled",
]


def number(value: float | None, unit: str = "") -> str:
    """Format a value to three places or so: `0.812`, `3.21 s`, `1,204 tokens`; `-` for none."""
    if value is None or not math.isfinite(value):
        return "-"
    size = abs(value)
    if size >= 1000:
        text = f"{value:,.0f}"
    elif size >= 100:
        text = f"{value:.0f}"
    elif size >= 10:
        text = f"{value:.1f}"
    elif size >= 1:
        text = f"{value:.2f}"
    else:
        text = f"{value:.3f}"
    return f"{text} {unit}".strip()


def score(value: float | None) -> str:
    """Format what one trial scored: `1`, `25`, `0.812`; a pass is no `1.00`."""
    if value is not None and math.isfinite(value) and value == round(value):
        return f"{value + 0.0:,.0f}"
    return number(value)


def ratio(value: float | None) -> str:
    """Format a ratio as `×1.03`."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"×{value:.2f}" if value < 100 else f"×{value:,.0f}"


def p_value(value: float | None) -> str:
    """Format a p-value: `.021`, `<.001`, `1.0`."""
    if value is None or not math.isfinite(value):
        return "-"
    if value < 0.001:
        return "<.001"
    return "1.0" if value >= 0.9995 else f"{value:.3f}".removeprefix("0")


def count(value: int, noun: str) -> str:
    """Format a count with its noun: `1 scenario`, `2,000 scenarios`."""
    plural = noun if value == 1 else (noun[:-1] + "ies" if noun.endswith("y") else noun + "s")
    return f"{value:,} {plural}"


def duration(seconds: float | None) -> str:
    """Format a duration: `430 ms`, `3.4 s`, `2 min 05 s`, `1 h 12 min`."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def amount(value: float | None, unit: str = "", *, share: bool = False) -> str:
    """Format one side's value: `88.0%` for a share, else `0.812`, `3.21 s`."""
    if not share or value is None or not math.isfinite(value):
        return number(value, unit)
    return f"{100 * value + 0.0:.1f}%"


def change(value: float | None, unit: str = "", *, share: bool = False) -> str:
    """Format a difference with its sign: `-7.0pp` for shares, else `-0.011`, `+2.31 points`."""
    if value is None or not math.isfinite(value):
        return "-"
    if share:
        return f"{_signed(100 * value, 1)}pp"
    return f"{_signed(value, _places(value))} {unit}".rstrip()


def interval(low: float | None, high: float | None, *, share: bool = False) -> str:
    """Format an interval of a difference, both ends alike: `[-11.6, -2.5]` (shares: in pp)."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return "-"
    scale = 100 if share else 1
    places = 1 if share else _places(max(abs(low), abs(high)))
    return f"[{_signed(scale * low, places)}, {_signed(scale * high, places)}]"


def moved(
    difference: float | None,
    ends: tuple[float | None, float | None] | None,
    *,
    share: bool = False,
    ratios: tuple[float, float, float] | None = None,
) -> tuple[str, str]:
    """Format a change and its interval; as ratios where it has them: `×1.03`, `[×0.98, ×1.08]`.

    Args:
        difference: the change.
        ends: of its interval.
        share: whether they are shares, so that points of a percent are shown.
        ratios: the ratio and the ends of its interval, of what is compared by ratios.
    """
    if ratios is not None:
        bounded = math.isfinite(ratios[1]) and math.isfinite(ratios[2])
        span = f"[{ratio(ratios[1])}, {ratio(ratios[2])}]" if bounded else "-"
        return ratio(ratios[0]), span
    return change(difference, share=share), interval(*(ends or (None, None)), share=share)


def between(low: float | None, high: float | None, *, share: bool = False) -> str:
    """Format the interval of a value itself: `75.3% to 93.3%`, `4.21 to 13.4`."""
    if low is None or high is None:
        return "-"
    return f"{amount(low, share=share)} to {amount(high, share=share)}"


def titled(metric: str, unit: str) -> str:
    """Return a metric's name with the unit of the figures that follow: `deviation, points`."""
    return f"{metric}, {unit}" if unit not in ("", metric) else metric


def margin(value: float | None, unit: str = "", *, share: bool = False) -> str:
    """Format a margin or a detectable difference: `±5pp`, `±0.05`, `±3 points`."""
    if value is None or not math.isfinite(value):
        return "-"
    value = 100 * value if share else value
    size = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"
    return f"±{size}pp" if share else f"±{size} {unit}".rstrip()


def rate(share: float, low: float, high: float) -> str:
    """Format a share with its interval: `1.8 % [0.7, 3.7]`."""
    return f"{100 * share:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _places(size: float) -> int:
    size = abs(size)
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3


def _signed(value: float, places: int) -> str:
    text = f"{value:+,.{places}f}"
    return text[1:] if not text.strip("+-0.,") else text  # no sign on what rounds to zero


def level(value: float) -> str:
    """Format a confidence level, finer the nearer it is to 100 %: `95%`, `98.4%`, `99.9985%`."""
    rest = 100 - 100 * value
    for digits in range(12):
        text = f"{100 * value:.{digits}f}"
        if abs(float(text) - 100 * value) <= 0.05 * rest + 1e-9:
            break
    return f"{text}%"
