"""Markings of what is exchanged: TLP 2.0, PAP and IEP 2.0 side by side, and the rule that none of them gets wider.

Sources: FIRST, TLP 2.0 and IEP 2.0; PAP as in MISP's taxonomy. Where two markings meet (a tag and a distribution, an
event and its attribute) the stricter holds, word by word. A format that cannot say one says a stricter one, or refuses.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tocsin.node.errors import InputError
from tocsin.sharing.gate import Pap, Tlp, read_pap, read_tlp

IepPolicy = tuple[tuple[str, str], ...]
"""The words of an IEP 2.0 policy, sorted by name; ``tlp`` is never among them, since it becomes ours."""

UNMARKED: Final = Tlp.AMBER_STRICT
"""How narrow a thing without a label is: its source promised nothing."""

_IEP_ORDER: Final[Mapping[str, tuple[str, ...]]] = {
    "encrypt_in_transit": ("may", "must"),
    "permitted_actions": (
        "externally-visible-direct-actions",
        "externally-visible-indirect-actions",
        "internally-visible-actions",
        "contact-for-instruction",
        "none",
    ),
    "affected_party_notifications": ("may", "must-not"),
    "attribution": ("may", "must", "must-not"),
    "unmodified_resale": ("may", "must-not"),
}
"""The values of an IEP 2.0 policy (FIRST IEP 2.0, section 3), from the widest to the narrowest."""


@dataclass(frozen=True, slots=True)
class Markings:
    """What is said of who may see and use a thing; ``tlp`` and ``pap`` None: nothing was said.

    ``group``: the UUID of the sharing group or agreement that it is limited to; ``statements``: terms in words.
    """

    tlp: Tlp | None = None
    pap: Pap | None = None
    iep: IepPolicy = ()
    group: str = ""
    statements: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What it says, as ``TLP:AMBER``, ``PAP:GREEN``, ``IEP:encrypt_in_transit=must``, where all is text."""
        return (
            *([f"TLP:{self.tlp}"] if self.tlp else []),
            *([f"PAP:{self.pap}"] if self.pap else []),
            *(f"IEP:{name}={value}" for name, value in self.iep),
            *self.statements,
        )


NOT_MARKED: Final = Markings()
"""Nothing was said."""


def stricter(*markings: Markings) -> Markings:
    """What holds where all of these hold. Two groups become RED, since no format names the members of both."""
    tlps = [one.tlp for one in markings if one.tlp]
    paps = [one.pap for one in markings if one.pap]
    groups = {one.group for one in markings if one.group}
    return Markings(
        Tlp.RED if len(groups) > 1 else max(tlps, key=lambda one: one.rank, default=None),
        max(paps, key=lambda one: one.rank, default=None),
        _stricter_iep(one.iep for one in markings),
        min(groups, default=""),
        tuple(dict.fromkeys(statement for one in markings for statement in one.statements)),
    )


def read_label(text: str) -> Markings | None:
    """The marking that a label says (``tlp:amber``, ``PAP:RED``, ``TLP:WHITE``); None where it says none.

    A label that TLP 2.0 or PAP do not have is read as RED.
    """
    scheme, colon, value = text.strip().lower().partition(":")
    value = value.strip().strip('"')
    if not colon or scheme not in {"tlp", "pap"} or value.startswith("ex:"):
        return None
    return Markings(tlp=read_tlp(value)) if scheme == "tlp" else Markings(pap=read_pap(value))


def read_iep(policy: Mapping[str, object]) -> Markings:
    """The marking of an IEP 2.0 policy; its TLP, which knows TLP 1 only, becomes ours."""
    said = {name.replace("provider_attribution", "attribution"): str(value) for name, value in policy.items()}
    tlp = said.pop("tlp", "")
    return Markings(tlp=read_tlp(tlp) if tlp else None, iep=tuple(sorted(said.items())))


def read_words(words: Iterable[str]) -> Markings:
    """The markings that `Markings.words` wrote; what is none of them is a statement."""
    found: list[Markings] = []
    for word in words:
        scheme, _, value = word.partition(":")
        name, equals, said = value.partition("=")
        if scheme.upper() == "IEP" and equals:
            found.append(Markings(iep=((name, said),)))
        elif word.strip():
            found.append(read_label(word) or Markings(statements=(word,)))
    return stricter(*found)


def narrowed(markings: Markings, offered: Iterable[Tlp]) -> tuple[Markings, tuple[str, ...]]:
    """The marking with the next stricter label that a format offers, and what that lost.

    Raises:
        InputError: the format has no label as strict as that.

    """
    said = markings.tlp or UNMARKED
    fitting = min((one for one in offered if one.rank >= said.rank), key=lambda one: one.rank, default=None)
    if fitting is None:
        raise InputError(f"The format cannot say TLP:{said}, nor anything stricter.")
    if fitting is markings.tlp:
        return markings, ()
    before = f"TLP:{said}" if markings.tlp else "No TLP label"
    return replace(markings, tlp=fitting), (f"{before} became TLP:{fitting}.",)


def _stricter_iep(policies: Iterable[IepPolicy]) -> IepPolicy:
    found: dict[str, str] = {}
    for name, value in (pair for policy in policies for pair in policy):
        if name not in found or _place(name, value) > _place(name, found[name]):
            found[name] = value
    return tuple(sorted(found.items()))


def _place(name: str, value: str) -> int:
    """How strict a word of a policy is; one that IEP does not have is the strictest."""
    order = _IEP_ORDER.get(name, (value,))
    return order.index(value) if value in order else len(order)
