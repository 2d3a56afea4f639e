"""Moments as text and as numbers.  Pure: whoever needs the time passes it in."""

from __future__ import annotations

import time


def iso_utc(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC with milliseconds: `2026-01-31T08:15:00.250Z`."""
    whole = int(seconds)
    parts = time.gmtime(whole)
    return time.strftime("%Y-%m-%dT%H:%M:%S", parts) + f".{int((seconds - whole) * 1000):03d}Z"


def epoch_seconds(moment: str) -> float:
    """Seconds since 1970 of an ISO 8601 time in UTC, with or without a fraction.

    Raises ValueError if the text is not such a time.
    """
    import calendar  # loads datetime: only who reads a time pays for it

    whole = calendar.timegm(time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S"))
    return whole + float("0" + moment[19:].rstrip("Z"))
