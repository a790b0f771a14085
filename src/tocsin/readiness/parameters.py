"""Reading ``--param NAME=VALUE``: numbers, pairs, flags and words, with errors that name the parameter."""

from collections.abc import Mapping, Sequence

from tocsin.node.errors import UsageError


def parse(pairs: Sequence[str]) -> dict[str, object]:
    """``["lower=1", "ties=max"]`` as a mapping of text values. Raises UsageError without "="."""
    result: dict[str, object] = {}
    for item in pairs:
        name, equals, value = item.partition("=")
        if not equals or not name.strip():
            raise UsageError(f'"--param {item}" is not NAME=VALUE.')
        result[name.strip()] = value.strip()
    return result


OTHER_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("l", "min", "low"), "lower"),
    **dict.fromkeys(("u", "max", "high"), "upper"),
    **dict.fromkeys(("m",), "mean"),
    **dict.fromkeys(("s", "std"), "sd"),
    **dict.fromkeys(("a",), "scale"),
    **dict.fromkeys(("factor",), "scale_factor"),
    **dict.fromkeys(("ref", "xref", "unit"), "reference"),
    **dict.fromkeys(("ties.method", "ties_method"), "ties"),
}
"""Names that people give a parameter by habit, and the name it has here."""


def by_own_name(params: Mapping[str, object]) -> dict[str, object]:
    """The parameters under the names they have here. Raises UsageError where one is given twice."""
    result: dict[str, object] = {}
    for name, value in params.items():
        own = OTHER_NAMES.get(name, name)
        if own in result:
            raise UsageError(f"Parameter {own} is given twice.")
        result[own] = value
    return result


def real(params: Mapping[str, object], names: tuple[str, ...], default: float) -> float:
    """One number, under any of its names."""
    values = reals(params, names)
    if not values:
        return default
    if len(values) != 1:
        raise UsageError(f"Parameter {names[0]} takes one number.")
    return values[0]


def reals(params: Mapping[str, object], names: tuple[str, ...]) -> tuple[float, ...]:
    """Numbers separated by commas or colons, brackets allowed; empty when the parameter is not given."""
    for name in names:
        if name not in params:
            continue
        value = params[name]
        parts = (
            list(value) if isinstance(value, (list, tuple)) else str(value).strip("c()[] ").replace(":", ",").split(",")
        )
        try:
            return tuple(float(part) for part in parts)
        except (TypeError, ValueError):
            raise UsageError(f'Parameter {name}: "{value}" is not a number.') from None
    return ()


def pair(
    params: Mapping[str, object], together: tuple[str, ...], apart: tuple[str, str], default: tuple[float, float]
) -> tuple[float, float]:
    """Two numbers, given as one parameter (``l_u=1,100``) or as two (``lower=1 upper=100``)."""
    both = reals(params, together)
    if both and len(both) != 2:
        raise UsageError(f"Parameter {together[0]} takes two numbers.")
    first, second = (both[0], both[1]) if both else default
    return real(params, (apart[0],), first), real(params, (apart[1],), second)


def flag(params: Mapping[str, object], names: tuple[str, ...], *, default: bool) -> bool:
    """True or false, as a word or a number."""
    value = next((params[name] for name in names if name in params), default)
    word = str(value).lower()
    if word in {"true", "1", "yes", "t"}:
        return True
    if word in {"false", "0", "no", "f"}:
        return False
    raise UsageError(f'Parameter {names[0]}: "{value}" is neither true nor false.')


def text(
    params: Mapping[str, object], names: tuple[str, ...], default: str, *, allowed: tuple[str, ...] | None = None
) -> str:
    """A word, one of ``allowed`` when these are given."""
    value = str(next((params[name] for name in names if name in params), default))
    if allowed is not None and value not in allowed:
        raise UsageError(f'Parameter {names[0]}: "{value}" is not one of {", ".join(allowed)}.')
    return value
