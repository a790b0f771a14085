"""The form of the public as somebody without an account reads it."""

import re
from typing import Any


def made_of(page: Any) -> str:
    """The word of a form, which is one report however often it is sent."""
    found = re.search(r'name="made" value="([^"]+)"', page.text)
    assert found, page.text[:500]
    return found[1]


def sum_of(page: Any) -> str:
    """The sum that a form asks for; empty: it asks for none."""
    found = re.search(r"How much is (\d+) plus (\d+)", page.text)
    return str(int(found[1]) + int(found[2])) if found else ""
