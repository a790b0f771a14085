"""Domain names that look like others: letters of several scripts in one label, or a whole label of look-alikes.

The rules are those of Unicode Technical Standard 39: a label keeps to one script or to one of the sets of section 5.2
(Highly Restrictive), and a label under a Latin top-level domain is not made of look-alikes of Latin letters alone
(section 4, whole-script confusables).
"""

from typing import Final

_TOGETHER: Final = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
_NO_SCRIPT: Final = {"COMMON", "INHERITED"}


def deceptive(name: str, typed: str) -> str:
    """Why a domain name in A-labels must not be taken for what it looks like, or an empty text.

    ``typed`` is what the person wrote: a label of look-alikes is theirs to mean when it was written as ``xn--``.
    """
    labels = name.split(".")
    for label in labels:
        if label.startswith("xn--"):
            why = _mixed(label) or ("" if label in typed.lower() else _posing(label, labels[-1]))
            if why:
                return why
    return ""


def _mixed(label: str) -> str:
    from confusable_homoglyphs import categories

    shown = _letters(label)
    scripts = categories.unique_aliases(shown) - _NO_SCRIPT
    if len(scripts) < 2 or any(scripts <= allowed for allowed in _TOGETHER):
        return ""
    names = " and ".join(sorted(script.title() for script in scripts))
    return f"'{shown}' mixes {names} letters, so it may pose as another name"


def _posing(label: str, top: str) -> str:
    from confusable_homoglyphs import categories, confusables

    shown = _letters(label)
    if "LATIN" in categories.unique_aliases(shown) or top.startswith("xn--"):
        return ""
    latin = [_latin(letter, confusables.is_confusable(letter, preferred_aliases=["latin"])) for letter in shown]
    if not all(latin):
        return ""
    return f"every letter of '{shown}' looks like one of '{''.join(latin)}'; write {label} if it is meant"


def _latin(letter: str, found: object) -> str:
    """The Latin letter that this one looks like; itself where it is a digit or a hyphen; empty where there is none."""
    if letter.isascii():
        return letter
    likes = [like["c"] for entry in found for like in entry["homoglyphs"]] if isinstance(found, list) else []
    return next((like.lower() for like in likes if len(like) == 1 and like.isascii() and like.isalpha()), "")


def _letters(label: str) -> str:
    return label.removeprefix("xn--").encode("ascii").decode("punycode")
