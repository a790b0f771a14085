"""How people name a problem."""

from tocsin.node.errors import InputError


def problem_text(key: int) -> str:
    """A problem's key as people see it: 16 hexadecimal digits, as in the attached data."""
    return f"{key:016x}"


def read_problem(text: str) -> int:
    """The key that 16 hexadecimal digits name.

    Raises:
        InputError: it is no such text.

    """
    try:
        key = int(text, 16)
    except ValueError:
        key = -1
    if len(text) != 16 or not 0 <= key < 2**64:
        raise InputError(f"'{text[:40]}' is no problem.", hint="A problem is named by 16 hexadecimal digits.")
    return key
