"""Names of organisations in a form for comparing: case, accents, punctuation and legal forms do not count."""

import re
import unicodedata
from functools import cache
from typing import Final

# Of many countries, as they stand after or before a name, without dots.
_LEGAL_FORMS: Final = frozenset(
    "ab ag aps as asa bhd bv ca cc co company corp corporation cv doo ead ehf eirl eood eurl ev fze fzco gmbh inc "
    "incorporated jsc kft kg kk lda limited limitada limitee llc llp lp ltd ltda mbh nv ohg ojsc ood ooo oy oyj pao "
    "pjsc plc proprietary pte pty pvt private sa sac sae sal sapa sarl sas sasu scrl sdn se sl slu snc spa spj sprl "
    "srl sro tov uab ug zao zrt оао ооо пао зао ао тов".split()  # noqa: RUF001 (the last ones are Cyrillic)
)
_FILLERS: Final = frozenset({"the", "and"})
_STROKED: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe"})
_WORD = re.compile(r"[^\W_]+")
_DOTTED = re.compile(r"\b(?:\w\.){2,}|\b\w(?:\.\w)+\b")


@cache
def comparable(name: str) -> str:
    """The words of a name that tell it from others, in lower case without accents; all words where none would do so."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_STROKED))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = _DOTTED.sub(lambda found: found[0].replace(".", "") + " ", plain)
    words = _WORD.findall(plain)
    telling = [word for word in words if word not in _LEGAL_FORMS | _FILLERS]
    return " ".join(telling or words)


@cache
def skeleton(comparable_name: str) -> str:
    """The name with each letter as the Latin one that it looks like (Unicode Technical Standard 39, section 4)."""
    return "".join(_latin(letter) for letter in comparable_name)


@cache
def _latin(letter: str) -> str:
    if letter in "01":
        return "ol"[int(letter)]
    if letter.isascii():
        return letter
    from confusable_homoglyphs import confusables

    found = confusables.is_confusable(letter, greedy=True, preferred_aliases=["latin"]) or []
    likes = [like["c"].lower() for entry in found for like in entry["homoglyphs"]]
    return next((like for like in likes if len(like) == 1 and like.isascii() and like.isalpha()), letter)
