"""Digits as a hand draws them: strokes of points in a unit square, x to the right and y down."""

from __future__ import annotations

import math

Point = tuple[float, float]


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> list[Point]:
    """A piece of an ellipse; angles in degrees, clockwise from the right."""
    steps = max(int(abs(end - start) / 12), 2)
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


DIGITS: dict[int, list[list[Point]]] = {
    0: [arc(0.5, 0.5, 0.22, 0.34, -90, 270)],
    1: [[(0.38, 0.3), (0.52, 0.16), (0.52, 0.84)]],
    2: [[*arc(0.48, 0.34, 0.2, 0.18, -170, 40), (0.3, 0.82), (0.72, 0.82)]],
    3: [[*arc(0.46, 0.32, 0.2, 0.16, -150, 90), *arc(0.46, 0.66, 0.22, 0.18, -90, 150)]],
    4: [[(0.44, 0.16), (0.26, 0.58), (0.74, 0.58)], [(0.58, 0.4), (0.56, 0.86)]],
    5: [[(0.7, 0.17), (0.36, 0.17), (0.33, 0.46), *arc(0.46, 0.63, 0.22, 0.2, -110, 150)]],
    6: [[(0.6, 0.14), (0.42, 0.34), (0.32, 0.6), *arc(0.5, 0.66, 0.18, 0.18, 180, -190)]],
    7: [[(0.28, 0.18), (0.72, 0.18), (0.44, 0.86)], [(0.4, 0.5), (0.66, 0.5)]],
    8: [[*arc(0.5, 0.32, 0.16, 0.15, 90, -270), *arc(0.5, 0.66, 0.2, 0.19, -90, 270)]],
    9: [[*arc(0.5, 0.34, 0.18, 0.18, 0, -360), (0.68, 0.34), (0.64, 0.6), (0.54, 0.86)]],
}


def placed(strokes: list[list[Point]], left: float, top: float, size: float) -> list[list[Point]]:
    """The strokes in a square of that size whose corner is at `(left, top)`."""
    return [[(left + size * x, top + size * y) for x, y in stroke] for stroke in strokes]
