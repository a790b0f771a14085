"""By which numbers the maps of pages know countries."""

from collections import defaultdict
from functools import cache

from babel.core import get_global


@cache
def numeric_codes() -> dict[str, str]:
    """The numbers of ISO 3166-1 by which the shapes of the map are known, former ones too, by two-letter code.

    Those from 900 on are for private use, and no map has them.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for digits, codes in sorted(get_global("territory_aliases").items()):
        if digits.isdecimal() and digits < "900" and len(codes) == 1:
            found[codes[0]].append(digits)
    return {code: " ".join(digits) for code, digits in found.items()}
