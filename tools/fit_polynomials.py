"""Fits the polynomials of cpp/src/kernels/vmath.h; prints coefficients, lowest power first.

Near-minimax: weighted least squares on many points, the weights raised where the error is large
(Lawson's iteration). For erf the first coefficient is kept apart as 1 + 0.12837916709551257.
Run: python tools/fit_polynomials.py
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def fit(
    target: Callable, weight: Callable, low: float, high: float, terms: int
) -> tuple[np.ndarray, float]:
    """Coefficients c with Σ c_k t^k ≈ target(t) on [low, high] and the largest weighted error."""
    angles = (np.arange(4000) + 0.5) * np.pi / 4000
    t = ((low + high) / 2 + (high - low) / 2 * np.cos(angles)).astype(np.float64)
    y = np.array([target(float(v)) for v in t])
    w = np.array([weight(float(v)) for v in t])
    powers = np.vander(t, terms, increasing=True)
    emphasis = np.ones_like(t)
    best, best_error = None, math.inf
    for _ in range(200):
        scale = np.sqrt(emphasis) * w
        c, *_ = np.linalg.lstsq(powers * scale[:, None], y * scale, rcond=None)
        error = np.abs(powers @ c - y) * w
        if error.max() < best_error:
            best, best_error = c, error.max()
        emphasis = emphasis * (error / error.max() + 1e-3)
        emphasis /= emphasis.mean()
    return best, best_error


def odd(f: Callable[[float], float], third: float) -> Callable[[float], float]:
    """P in f(x) = x + x³ P(x²), as a function of x². `third` is its value at 0."""

    def p(z: float) -> float:
        if z < 1e-5:
            return third
        x = math.sqrt(z)
        return (f(x) - x) / (x * z)

    return p


def main() -> None:
    ln2 = math.log(2)
    r2 = ln2 / 2 * 1.01
    quarter = math.pi / 4 * 1.01
    log_low, log_high = math.sqrt(0.5) - 1, math.sqrt(2) - 1
    tan8 = math.tan(math.pi / 8) * 1.01

    def expm1_q(r: float) -> float:
        return 0.5 + r / 6 + r * r / 24 if abs(r) < 1e-4 else (math.expm1(r) - r) / (r * r)

    def log_p(f: float) -> float:
        if abs(f) < 1e-2:
            return sum((-1) ** k * f**k / (k + 3) for k in range(12))
        return (math.log1p(f) - f + f * f / 2) / f**3

    def log_weight(f: float) -> float:
        return abs(f**3 / math.log1p(f)) if f else 0.0

    def atanh_p(z: float) -> float:
        if z < 1e-4:
            return 1 / 3 + z / 5
        return (math.atanh(math.sqrt(z)) / math.sqrt(z) - 1) / z

    def erf_over_x(z: float) -> float:
        return math.erf(math.sqrt(z)) / math.sqrt(z) if z > 1e-12 else 2 / math.sqrt(math.pi)

    def cos_p(z: float) -> float:
        return 1 / 24 - z / 720 if z < 1e-3 else (math.cos(math.sqrt(z)) - 1 + z / 2) / (z * z)

    def normal(x: float) -> float:
        return 0.5 * math.erfc(-x * math.sqrt(0.5))

    def x_over(f: Callable[[float], float]) -> Callable[[float], float]:
        return lambda z: abs(math.sqrt(z) * z / f(math.sqrt(z))) if z > 0 else 0.0

    fits = {
        "exp: (expm1(r) - r) / r^2": (expm1_q, lambda r: r * r / math.exp(r) + 1e-3, -r2, r2, 5),
        "log: (log1p(f) - f + f^2/2) / f^3": (log_p, log_weight, log_low, log_high, 9),
        "sin": (odd(math.sin, -1 / 6), x_over(math.sin), 0, quarter**2, 3),
        "cos: (cos(x) - 1 + x^2/2) / x^4": (cos_p, lambda z: z * z, 0, quarter**2, 3),
        "tanh": (odd(math.tanh, -1 / 3), x_over(math.tanh), 0, 0.625**2, 5),
        "arctan": (odd(math.atan, -1 / 3), x_over(math.atan), 0, tan8**2, 5),
        "arcsin": (odd(math.asin, 1 / 6), x_over(math.asin), 0, 0.25, 5),
        "sinh": (odd(math.sinh, 1 / 6), x_over(math.sinh), 0, 1, 4),
        "erf: erf(x) / x": (
            erf_over_x,
            lambda z: math.sqrt(z) / math.erf(math.sqrt(z)) if z > 0 else 1,
            0,
            0.95**2,
            7,
        ),
        "erf: log(erfc(x)) for x in [0.9, 4]": (
            lambda x: math.log(math.erfc(x)),
            lambda x: math.erfc(x) / math.erf(x),
            0.9,
            4.0,
            9,
        ),
        "gelu: log2(Φ(-t))": (
            lambda t: math.log2(normal(-t)),
            lambda t: min(1.0, normal(-t) / normal(-5.5)),
            0,
            7.0,
            13,
        ),
        "gelu: 1 - t φ(t) / Φ(-t)": (
            lambda t: 1 - t * math.exp(-t * t / 2) / math.sqrt(2 * math.pi) / normal(-t),
            lambda t: max(2 * normal(-t), 1e-9),
            0,
            6.0,
            10,
        ),
        "2^r, the first coefficient kept apart as 1": (
            lambda r: math.expm1(r * ln2) / r if r else ln2,
            lambda r: abs(r) / 2.0**r,
            -0.5,
            0.5,
            5,
        ),
        "log2 in double: (log(1+f) - ...) via s = f/(2+f), log = 2 s (1 + z P(z))": (
            atanh_p,
            lambda z: z + 1e-6,
            0,
            0.1718**2,
            6,
        ),
        "exp2 in double": (lambda t: 2.0**t, lambda t: 1.0, -0.5, 0.5, 9),
    }
    for name, (target, weight, low, high, terms) in fits.items():
        c, error = fit(target, weight, low, high, terms)
        print(f"{name}   (error {error:.2e})")
        form = "{:.17g}" if "double" in name else "{:.9g}f"
        print("   " + ", ".join(form.format(np.float64(v)) for v in c))


if __name__ == "__main__":
    main()
