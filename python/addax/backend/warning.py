"""Warnings that name the line of the user's code, however deep in the package they arise."""

from __future__ import annotations

import sys
import warnings

# Context managers of ours are left through a frame of contextlib.
_PASSED_OVER = ("addax", "contextlib")


def warn(text: str) -> None:
    """Issues a `UserWarning` for the nearest caller outside the package."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _PASSED_OVER:
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)
