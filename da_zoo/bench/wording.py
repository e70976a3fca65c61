"""How numbers, tracks and lists of names are worded, the same in every output."""

from collections.abc import Sequence

from da_zoo.bench.statistics import Interval

__all__ = [
    "CASE_TITLES",
    "DETAIL_TITLES",
    "METRIC_TITLES",
    "MINUS",
    "REGRESSION_LEGEND",
    "listed",
    "number",
    "percent",
    "percent_interval",
    "percent_range",
    "points",
    "points_interval",
    "track_title",
]

CASE_TITLES = {
    1: "same domain, same task",
    2: "same domain, different task",
    3: "different domain, same task",
    4: "different domain, different task",
}
"""The four cases of Pan & Yang (2010)."""

METRIC_TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "rmse": "RMSE",
}
DETAIL_TITLES = {
    "accuracy": "macro-F1",
    "balanced_accuracy": "accuracy",
    "macro_f1": "accuracy",
    "rmse": "R\N{SUPERSCRIPT TWO}",
}
"""What tables rank by, and what they show beside it."""

REGRESSION_LEGEND = (
    "Regressions: RMSE in % of the standard deviation of the source's target (less is "
    "better), gain in points below the baseline's RMSE, R\N{SUPERSCRIPT TWO} in %."
)
"""How a table of a regression is to be read."""

MINUS = "\N{MINUS SIGN}"


def percent(value: float | None) -> str:
    """Words a share in [0, 1] as percent with one decimal, without the sign.

    Example:
        >>> percent(0.9512), percent(None)
        ('95.1', '–')
    """
    return "–" if value is None else f"{100 * value:.1f}"


def percent_range(interval: Interval | None) -> str:
    """Words shares in percent with the ends of their interval, which need not be even.

    Example:
        >>> percent_range(Interval(0.5, 0.25, 0.9, 6)), percent_range(None)
        ('50 [25, 90]', '–')
        >>> percent_range(Interval(-0.001, -0.3, 0.2, 6))
        '0 [−30, 20]'
    """
    if interval is None:
        return "–"
    middle = _whole(interval.mean)
    if interval.low is None or interval.high is None:
        return middle
    return f"{middle} [{_whole(interval.low)}, {_whole(interval.high)}]"


def _whole(share: float) -> str:
    # Rounded first, so that a hair below zero is not printed as −0.
    rounded = round(100 * share)
    return f"{MINUS if rounded < 0 else ''}{abs(rounded)}"


def points(value: float | None) -> str:
    """Words a difference of shares in percentage points, with its sign.

    Example:
        >>> points(0.0312), points(-0.0312), points(0.0)
        ('+3.1', '−3.1', '0.0')
    """
    if value is None:
        return "–"
    # Rounded first, so that a hair below zero is not printed as −0.0.
    rounded = round(100 * value, 1)
    sign = "+" if rounded > 0 else MINUS if rounded < 0 else ""
    return f"{sign}{abs(rounded):.1f}"


def percent_interval(interval: Interval | None) -> str:
    """Words a mean of shares with the half width of its interval.

    Example:
        >>> percent_interval(Interval(0.9, 0.88, 0.92, 5))
        '90.0 ± 2.0'
    """
    if interval is None or interval.high is None:
        return percent(interval.mean if interval else None)
    return f"{percent(interval.mean)} ± {100 * (interval.high - interval.mean):.1f}"


def points_interval(interval: Interval | None) -> str:
    """Words a mean difference with its interval.

    Example:
        >>> points_interval(Interval(0.031, 0.018, 0.044, 5))
        '+3.1 [+1.8, +4.4]'
    """
    if interval is None or interval.low is None:
        return points(interval.mean if interval else None)
    low, high = points(interval.low), points(interval.high)
    return f"{points(interval.mean)} [{low}, {high}]"


def number(value: float | None) -> str:
    """Words seconds and the like: three digits at most where small.

    Example:
        >>> number(0.4567), number(12.34), number(1234.5), number(None)
        ('0.46', '12.3', '1234', '–')
    """
    if value is None:
        return "–"
    decimals = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{decimals}f}"


def track_title(track: str, label_fraction: float | None) -> str:
    """Words what of the target a method may see.

    Example:
        >>> track_title("U", None), track_title("F", 0.05)
        ('no target labels', '5 % of the target labels')
    """
    if track == "U" or label_fraction is None:
        return "no target labels"
    if label_fraction == 1:
        return "all target labels"
    return f"{100 * label_fraction:g} % of the target labels"


def listed(names: Sequence[str]) -> str:
    """Joins names as a sentence does.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
