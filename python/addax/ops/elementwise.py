"""Element by element: arithmetic, comparisons, logic, bits, and functions of one number."""

from __future__ import annotations

import math
from typing import Any

from addax.backend.dtypes import INT_TYPES, promote
from addax.backend.tensor import Tensor, cast, convert_to_tensor, promote_tensors, scalar
from addax.ops.door import (
    core,
    float_tensor,
    is_float,
    number_tensor,
    op,
    two,
    two_floats,
    value_like,
)

# Arithmetic

_add, _subtract, _multiply = core("add"), core("subtract"), core("multiply")
_divide, _power = core("divide"), core("power")
_floor_divide, _mod = core("floor_divide"), core("mod")
_maximum, _minimum = core("maximum"), core("minimum")
_or, _and, _xor = core("logical_or"), core("logical_and"), core("logical_xor")


@op
def add(x1: Any, x2: Any) -> Any:
    """`x1 + x2`, with broadcasting; "or" for two booleans."""
    x1, x2 = two(x1, x2)
    return _or(x1, x2) if x1.dtype == "bool" else _add(x1, x2)


@op
def subtract(x1: Any, x2: Any) -> Any:
    """`x1 - x2`, with broadcasting."""
    x1, x2 = two(x1, x2)
    if x1.dtype == "bool":
        raise TypeError("subtract does not accept dtype bool. Use `logical_xor` or cast first.")
    return _subtract(x1, x2)


@op
def multiply(x1: Any, x2: Any) -> Any:
    """`x1 * x2`, with broadcasting; "and" for two booleans."""
    x1, x2 = two(x1, x2)
    return _and(x1, x2) if x1.dtype == "bool" else _multiply(x1, x2)


@op
def true_divide(x1: Any, x2: Any) -> Any:
    """`x1 / x2`, with broadcasting; integers give floats."""
    return _divide(*two_floats(x1, x2))


@op
def divide(x1: Any, x2: Any) -> Any:
    """`x1 / x2`, with broadcasting; integers give floats."""
    return _divide(*two_floats(x1, x2))


@op
def divide_no_nan(x1: Any, x2: Any) -> Any:
    """`x1 / x2`, and 0 where `x2` is 0."""
    x1, x2 = two_floats(x1, x2)
    zero = scalar(0.0, x2.dtype)
    absent = core("equal")(x2, zero)
    # The divisor is replaced too, else the gradient would be 0 * inf.
    safe = core("where")(absent, scalar(1.0, x2.dtype), x2)
    return core("where")(absent, zero, _divide(x1, safe))


@op
def floor_divide(x1: Any, x2: Any) -> Any:
    """Largest whole number not above `x1 / x2`."""
    x1, x2 = two(number_if_bool(x1), number_if_bool(x2))
    return _floor_divide(x1, x2)


@op
def mod(x1: Any, x2: Any) -> Any:
    """Remainder with the sign of `x2`: `x1 - floor(x1 / x2) * x2`."""
    x1, x2 = two(number_if_bool(x1), number_if_bool(x2))
    return _mod(x1, x2)


@op
def fmod(x1: Any, x2: Any) -> Any:
    """Remainder with the sign of `x1`, as C's."""
    x1, x2 = two(number_if_bool(x1), number_if_bool(x2))
    remainder = _mod(core("abs")(x1), core("abs")(x2))
    return _multiply(core("sign")(x1), remainder)


@op
def power(x1: Any, x2: Any) -> Any:
    """`x1` to the power of `x2`."""
    # x ** 2 and x ** 0.5 are what formulas are full of.
    if type(x2) in (int, float) and isinstance(x1, Tensor) and is_float(x1):
        if x2 == 2:
            return core("square")(x1)
        if x2 == 0.5:
            return core("sqrt")(x1)
        if x2 == 1:
            return x1
    x1, x2 = two(number_if_bool(x1), number_if_bool(x2))
    return _power(x1, x2)


def number_if_bool(x: Any) -> Any:
    """Booleans as integers, of Python or int32."""
    if isinstance(x, bool):
        return int(x)
    return x if isinstance(x, (int, float)) else number_tensor(x)


@op
def maximum(x1: Any, x2: Any) -> Any:
    """The larger of two, NaN if either is."""
    x1, x2 = two(x1, x2)
    return _or(x1, x2) if x1.dtype == "bool" else _maximum(x1, x2)


@op
def minimum(x1: Any, x2: Any) -> Any:
    """The smaller of two, NaN if either is."""
    x1, x2 = two(x1, x2)
    return _and(x1, x2) if x1.dtype == "bool" else _minimum(x1, x2)


@op
def fmax(x1: Any, x2: Any) -> Any:
    """The larger of two; the other where one is NaN."""
    x1, x2 = two(x1, x2)
    larger = maximum(x1, x2)
    return where(isnan(x1), x2, where(isnan(x2), x1, larger))


@op
def fmin(x1: Any, x2: Any) -> Any:
    """The smaller of two; the other where one is NaN."""
    x1, x2 = two(x1, x2)
    smaller = minimum(x1, x2)
    return where(isnan(x1), x2, where(isnan(x2), x1, smaller))


@op
def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """The values limited to `[x_min, x_max]`."""
    x = number_tensor(x)
    if x_min is not None:
        x = _maximum(*two(x, x_min))
    if x_max is not None:
        x = _minimum(*two(x, x_max))
    return x


@op
def arctan2(x1: Any, x2: Any) -> Any:
    """Angle of the point (x2, x1) in (-π, π]."""
    return core("arctan2")(*two_floats(x1, x2))


@op
def hypot(x1: Any, x2: Any) -> Any:
    """`sqrt(x1² + x2²)`, without overflow in between."""
    x1, x2 = two_floats(x1, x2)
    a, b = core("abs")(x1), core("abs")(x2)
    large, small = _maximum(a, b), _minimum(a, b)
    ratio = divide_no_nan(small, large)
    return _multiply(large, core("sqrt")(_add(scalar(1.0, a.dtype), core("square")(ratio))))


@op
def heaviside(x1: Any, x2: Any) -> Any:
    """0 where `x1` is negative, 1 where it is positive, `x2` where it is zero."""
    x1, x2 = two_floats(x1, x2)
    zero, one = scalar(0.0, x1.dtype), scalar(1.0, x1.dtype)
    return where(x1 < zero, zero, where(x1 > zero, one, where(isnan(x1), x1, x2)))


@op
def logaddexp(x1: Any, x2: Any) -> Any:
    """`log(exp(x1) + exp(x2))`, without overflow."""
    x1, x2 = two_floats(x1, x2)
    # max + log1p(exp(-|d|)); equal infinities have no difference.
    difference = where(core("equal")(x1, x2), scalar(0.0, x1.dtype), _subtract(x1, x2))
    return _add(_maximum(x1, x2), log1p(exp(negative(absolute(difference)))))


@op
def logaddexp2(x1: Any, x2: Any) -> Any:
    """`log2(2 ** x1 + 2 ** x2)`, without overflow."""
    x1, x2 = two_floats(x1, x2)
    factor = scalar(math.log(2.0), x1.dtype)
    return _divide(logaddexp(_multiply(x1, factor), _multiply(x2, factor)), factor)


@op
def gcd(x1: Any, x2: Any) -> Any:
    """Greatest common divisor of integers."""
    x1, x2 = two(x1, x2)
    if x1.dtype not in INT_TYPES:
        raise TypeError(f"gcd needs integers. Received dtype {x1.dtype}")
    from addax.ops.core import while_loop
    from addax.ops.shaping import broadcast_arrays

    a, b = broadcast_arrays(absolute(x1), absolute(x2))
    zero, one = scalar(0, a.dtype), scalar(1, a.dtype)

    def unfinished(a: Any, b: Any) -> Any:
        from addax.ops.reductions import any as any_true

        return any_true(not_equal(b, zero))

    def step(a: Any, b: Any) -> tuple[Any, Any]:
        done = core("equal")(b, zero)
        return where(done, a, b), where(done, b, _mod(a, where(done, one, b)))

    return while_loop(unfinished, step, (a, b))[0]


@op
def lcm(x1: Any, x2: Any) -> Any:
    """Least common multiple of integers."""
    x1, x2 = two(x1, x2)
    divisor = gcd(x1, x2)
    one = scalar(1, divisor.dtype)
    return absolute(_multiply(x1, _floor_divide(x2, maximum(divisor, one))))


@op
def ldexp(x1: Any, x2: Any) -> Any:
    """`x1 * 2 ** x2`."""
    x1 = float_tensor(x1)
    return _multiply(x1, _power(scalar(2.0, x1.dtype), cast(x2, x1.dtype)))


# One argument, same dtype


@op
def negative(x: Any) -> Any:
    """`-x`."""
    return core("negative")(number_tensor(x))


@op
def absolute(x: Any) -> Any:
    """`|x|`."""
    x = convert_to_tensor(x)
    return x if x.dtype in ("bool", "uint8") else core("abs")(x)


@op
def abs(x: Any) -> Any:
    """`|x|`."""
    x = convert_to_tensor(x)
    return x if x.dtype in ("bool", "uint8") else core("abs")(x)


@op
def fabs(x: Any) -> Any:
    """`|x|` as a float."""
    return core("abs")(float_tensor(x))


@op
def sign(x: Any) -> Any:
    """-1, 0 or 1."""
    return core("sign")(number_tensor(x))


@op
def square(x: Any) -> Any:
    """`x * x`."""
    return core("square")(number_tensor(x))


@op
def round(x: Any, decimals: int = 0) -> Any:
    """Nearest value with so many decimals; halves go to the even neighbour."""
    x = number_tensor(x)
    if not is_float(x):
        if decimals >= 0:
            return x
        factor = scalar(10**-decimals, x.dtype)
        half = _divide(*two_floats(x, factor))
        return _multiply(cast(core("round")(half), x.dtype), factor)
    if decimals == 0:
        return core("round")(x)
    factor = scalar(10.0**decimals, x.dtype)
    return _divide(core("round")(_multiply(x, factor)), factor)


@op
def trunc(x: Any) -> Any:
    """The whole part."""
    x = number_tensor(x)
    return core("trunc")(x) if is_float(x) else x


@op
def positive(x: Any) -> Any:
    """`x`."""
    return convert_to_tensor(x)


@op
def real(x: Any) -> Any:
    """The real part: `x` itself, as tensors are real."""
    return convert_to_tensor(x)


@op
def imag(x: Any) -> Any:
    """The imaginary part: zeros, as tensors are real."""
    from addax.ops.creation import zeros_like

    return zeros_like(x)


@op
def conjugate(x: Any) -> Any:
    """`x` itself, as tensors are real."""
    return convert_to_tensor(x)


@op
def conj(x: Any) -> Any:
    """`x` itself, as tensors are real."""
    return convert_to_tensor(x)


@op
def angle(x: Any) -> Any:
    """0 for positive numbers, π for negative ones."""
    x = float_tensor(x)
    flat = where(x < 0, scalar(math.pi, x.dtype), scalar(0.0, x.dtype))
    return where(isnan(x), x, flat)


# One argument, floating-point result


def _floating(name: str, meaning: str) -> Any:
    run = core(name)

    def function(x: Any) -> Any:
        return run(float_tensor(x))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{meaning} Integers give `floatx()`."
    function.__module__ = __name__
    return op(function)


sqrt = _floating("sqrt", "Square root; NaN for negative numbers.")
rsqrt = _floating("rsqrt", "`1 / sqrt(x)`.")
reciprocal = _floating("reciprocal", "`1 / x`.")
exp = _floating("exp", "e to the power of x.")
expm1 = _floating("expm1", "`exp(x) - 1`, exact near 0.")
log = _floating("log", "Natural logarithm.")
log1p = _floating("log1p", "`log(1 + x)`, exact near 0.")
sin = _floating("sin", "Sine.")
cos = _floating("cos", "Cosine.")
tan = _floating("tan", "Tangent.")
arcsin = _floating("arcsin", "Inverse sine.")
arccos = _floating("arccos", "Inverse cosine.")
arctan = _floating("arctan", "Inverse tangent.")
sinh = _floating("sinh", "Hyperbolic sine.")
cosh = _floating("cosh", "Hyperbolic cosine.")
tanh = _floating("tanh", "Hyperbolic tangent.")
arcsinh = _floating("arcsinh", "Inverse hyperbolic sine.")
arccosh = _floating("arccosh", "Inverse hyperbolic cosine.")
arctanh = _floating("arctanh", "Inverse hyperbolic tangent.")
floor = _floating("floor", "Largest whole number not above x.")
ceil = _floating("ceil", "Smallest whole number not below x.")


@op
def log2(x: Any) -> Any:
    """Logarithm to base 2."""
    x = log(x)
    return _multiply(x, scalar(1.0 / math.log(2.0), x.dtype))


@op
def log10(x: Any) -> Any:
    """Logarithm to base 10."""
    x = log(x)
    return _multiply(x, scalar(1.0 / math.log(10.0), x.dtype))


@op
def exp2(x: Any) -> Any:
    """2 to the power of x."""
    x = float_tensor(x)
    return _power(scalar(2.0, x.dtype), x)


@op
def cbrt(x: Any) -> Any:
    """Cube root."""
    x = float_tensor(x)
    return _multiply(core("sign")(x), _power(core("abs")(x), scalar(1.0 / 3.0, x.dtype)))


@op
def deg2rad(x: Any) -> Any:
    """Degrees in radians."""
    x = float_tensor(x)
    return _multiply(x, scalar(math.pi / 180.0, x.dtype))


@op
def rad2deg(x: Any) -> Any:
    """Radians in degrees."""
    x = float_tensor(x)
    return _multiply(x, scalar(180.0 / math.pi, x.dtype))


@op
def sinc(x: Any) -> Any:
    """`sin(πx) / (πx)`, 1 at 0."""
    x = _multiply(float_tensor(x), value_like(math.pi, float_tensor(x)))
    zero = core("equal")(x, scalar(0.0, x.dtype))
    safe = where(zero, scalar(1.0, x.dtype), x)
    return where(zero, scalar(1.0, x.dtype), _divide(sin(safe), safe))


@op
def i0(x: Any) -> Any:
    """Modified Bessel function of order 0 (Abramowitz & Stegun 9.8.1 and 9.8.2, |error| < 2e-7
    relative)."""
    x = core("abs")(float_tensor(x))
    small = square(_divide(x, scalar(3.75, x.dtype)))
    near = _polynomial(
        small, (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.0360768, 0.0045813)
    )
    beyond = scalar(3.75, x.dtype)
    safe = _maximum(x, beyond)
    far = _polynomial(
        _divide(beyond, safe),
        (
            0.39894228,
            0.01328592,
            0.00225319,
            -0.00157565,
            0.00916281,
            -0.02057706,
            0.02635537,
            -0.01647633,
            0.00392377,
        ),
    )
    return where(x < beyond, near, exp(safe) * far / sqrt(safe))


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """c0 + c1 x + c2 x² + … by Horner's rule."""
    total = scalar(coefficients[-1], x.dtype)
    for c in reversed(coefficients[:-1]):
        total = _add(_multiply(total, x), scalar(c, x.dtype))
    return total


# Tests of one number


def _float_test(name: str, meaning: str, of_integers: bool) -> Any:
    run = core(name)

    def function(x: Any) -> Any:
        x = convert_to_tensor(x)
        if not is_float(x):
            from addax.ops.creation import full_like

            return full_like(x, of_integers, dtype="bool")
        return run(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = meaning
    function.__module__ = __name__
    return op(function)


isnan = _float_test("isnan", "Whether each element is NaN.", False)
isinf = _float_test("isinf", "Whether each element is infinite.", False)
isfinite = _float_test("isfinite", "Whether each element is neither NaN nor infinite.", True)


@op
def isposinf(x: Any) -> Any:
    """Whether each element is +∞."""
    x = convert_to_tensor(x)
    return _and(isinf(x), x > 0) if is_float(x) else isinf(x)


@op
def isneginf(x: Any) -> Any:
    """Whether each element is -∞."""
    x = convert_to_tensor(x)
    return _and(isinf(x), x < 0) if is_float(x) else isinf(x)


@op
def isreal(x: Any) -> Any:
    """All true: tensors are real."""
    from addax.ops.creation import full_like

    return full_like(x, True, dtype="bool")


@op
def signbit(x: Any) -> Any:
    """Whether the sign is minus, for -0.0 too."""
    x = number_tensor(x)
    if not is_float(x):
        return x < 0
    # 1 / -0.0 is -∞; arctan2 tells the sign of zero without dividing.
    return arctan2(x, scalar(-1.0, x.dtype)) < 0


# Comparison


def _comparison(name: str, meaning: str) -> Any:
    run = core(name)

    def function(x1: Any, x2: Any) -> Any:
        return run(*two(x1, x2))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Whether {meaning}, element by element, with broadcasting."
    function.__module__ = __name__
    return op(function)


equal = _comparison("equal", "x1 equals x2")
not_equal = _comparison("not_equal", "x1 differs from x2")
less = _comparison("less", "x1 is less than x2")
less_equal = _comparison("less_equal", "x1 is at most x2")
greater = _comparison("greater", "x1 is greater than x2")
greater_equal = _comparison("greater_equal", "x1 is at least x2")


@op
def isclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether `|x1 - x2| <= atol + rtol * |x2|`, or both are equal (infinities)."""
    x1, x2 = two_floats(x1, x2)
    close = absolute(x1 - x2) <= atol + rtol * absolute(x2)
    result = _or(_and(close, _and(isfinite(x1), isfinite(x2))), equal(x1, x2))
    return _or(result, _and(isnan(x1), isnan(x2))) if equal_nan else result


# Logic and bits


def _bool(x: Any) -> Any:
    x = convert_to_tensor(x)
    return x if x.dtype == "bool" else cast(x, "bool")


@op
def logical_and(x1: Any, x2: Any) -> Any:
    """Whether both are true (not zero)."""
    return _and(_bool(x1), _bool(x2))


@op
def logical_or(x1: Any, x2: Any) -> Any:
    """Whether one or both are true (not zero)."""
    return _or(_bool(x1), _bool(x2))


@op
def logical_xor(x1: Any, x2: Any) -> Any:
    """Whether just one is true (not zero)."""
    return _xor(_bool(x1), _bool(x2))


@op
def logical_not(x: Any) -> Any:
    """Whether it is false (zero)."""
    return core("logical_not")(_bool(x))


def _bitwise(name: str, x1: Any, x2: Any, of_bools: Any) -> Any:
    x1, x2 = two(x1, x2)
    if x1.dtype == "bool":
        return of_bools(x1, x2)
    if is_float(x1):
        raise TypeError(f"{name} needs integers or booleans. Received dtype {x1.dtype}")
    return core(name)(x1, x2)


@op
def bitwise_and(x1: Any, x2: Any) -> Any:
    """Bits that are set in both; for booleans, logical."""
    return _bitwise("bitwise_and", x1, x2, _and)


@op
def bitwise_or(x1: Any, x2: Any) -> Any:
    """Bits that are set in one or both; for booleans, logical."""
    return _bitwise("bitwise_or", x1, x2, _or)


@op
def bitwise_xor(x1: Any, x2: Any) -> Any:
    """Bits that are set in just one; for booleans, logical."""
    return _bitwise("bitwise_xor", x1, x2, _xor)


@op
def bitwise_not(x: Any) -> Any:
    """All bits flipped; for booleans, logical."""
    x = convert_to_tensor(x)
    if x.dtype == "bool":
        return core("logical_not")(x)
    if is_float(x):
        raise TypeError(f"bitwise_not needs integers or booleans. Received dtype {x.dtype}")
    ones = scalar(255 if x.dtype == "uint8" else -1, x.dtype)
    return core("bitwise_xor")(x, ones)


@op
def bitwise_invert(x: Any) -> Any:
    """All bits flipped; for booleans, logical."""
    return bitwise_not(x)


def _shift(name: str, x: Any, y: Any) -> Any:
    x, y = two(number_if_bool(x), number_if_bool(y))
    if is_float(x):
        raise TypeError(f"{name} needs integers. Received dtype {x.dtype}")
    return core(name)(x, y)


@op
def left_shift(x1: Any, x2: Any) -> Any:
    """`x1 << x2`."""
    return _shift("left_shift", x1, x2)


@op
def right_shift(x1: Any, x2: Any) -> Any:
    """`x1 >> x2`."""
    return _shift("right_shift", x1, x2)


@op
def bitwise_left_shift(x: Any, y: Any) -> Any:
    """`x << y`."""
    return _shift("left_shift", x, y)


@op
def bitwise_right_shift(x: Any, y: Any) -> Any:
    """`x >> y`."""
    return _shift("right_shift", x, y)


# Choice


@op
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where the condition is true, else `x2`; with only the condition, the indices of what
    is true."""
    if (x1 is None) != (x2 is None):
        raise ValueError(
            "`x1` and `x2` either both should be `None` or both should have non-None value."
        )
    if x1 is None:
        from addax.ops.indexing import nonzero

        return nonzero(condition)
    return core("where")(_bool(condition), *two(x1, x2))


@op
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """From the choice that belongs to the first true condition, else `default`.

    Raises:
        ValueError: If there are not as many conditions as choices.
    """
    conditions, choices = list(condlist), list(choicelist)
    if len(conditions) != len(choices) or not conditions:
        raise ValueError(
            "condlist and choicelist must have the same length, at least 1. "
            f"Received {len(conditions)} conditions and {len(choices)} choices."
        )
    *values, result = promote_tensors(*choices, default)
    for condition, value in zip(reversed(conditions), reversed(values)):
        result = core("where")(_bool(condition), value, result)
    return result


@op
def nan_to_num(x: Any, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """NaN and infinities replaced: infinities by the largest and smallest number of the dtype
    unless given."""
    x = convert_to_tensor(x)
    if not is_float(x):
        return x
    largest = LARGEST[x.dtype]
    x = core("where")(isnan(x), scalar(nan, x.dtype), x)
    x = core("where")(isposinf(x), scalar(largest if posinf is None else posinf, x.dtype), x)
    return core("where")(isneginf(x), scalar(-largest if neginf is None else neginf, x.dtype), x)


# The largest finite number of each floating-point dtype (IEEE 754; bfloat16 has float32's exponents
# and 8 bits).
LARGEST = {
    "float64": 1.7976931348623157e308,
    "float32": 3.4028234663852886e38,
    "bfloat16": 3.3895313892515355e38,
    "float16": 65504.0,
}


def common_dtype(*tensors: Any) -> str:
    """The dtype that tensors promote to."""
    return promote(*(x.dtype for x in tensors))
