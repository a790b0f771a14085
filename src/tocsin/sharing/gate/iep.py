"""What a policy of FIRST's Information Exchange Policy 2.0 means for the gate; it only narrows.

Names of statements are those of the framework (FIRST, IEP 2.0, section 3); STIX's extension calls the attribution
``provider_attribution``. A value that IEP does not have is read as its strictest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tocsin.sharing.gate.markings import Marking, Pap, Tlp, highest, read_tlp

_ACTIONS: Final[Mapping[str, Pap]] = {
    "none": Pap.RED,
    "contact-for-instruction": Pap.RED,
    "internally-visible-actions": Pap.RED,
    "externally-visible-indirect-actions": Pap.AMBER,
    "externally-visible-direct-actions": Pap.GREEN,
}

SOURCE_FIELDS: Final = frozenset({"feed.provider", "feed.name", "feed.code"})
"""Fields of the schema by which an event names whom it is from."""


@dataclass(frozen=True, slots=True)
class IepLimits:
    """What a source asks for beyond TLP and PAP.

    ``encrypt``: it leaves by no plain channel. ``anonymous``: its source is named to nobody. ``no_notifications``:
    those whom it is about are not notified. What else the policy says (resale, references) is carried with the item.
    """

    tlp: Tlp | None = None
    pap: Pap | None = None
    encrypt: bool = False
    anonymous: bool = False
    no_notifications: bool = False

    def narrowed(self, marking: Marking) -> Marking:
        """The stricter of a marking and what the policy says, label by label."""
        return highest([marking, Marking(self.tlp or marking.tlp, self.pap)])


NO_LIMITS: Final = IepLimits()
"""There is no policy."""


def iep_limits(policy: Mapping[str, object] | None) -> IepLimits:
    """The limits of a policy, by its statements; none where there is no policy.

    One whose end date has passed holds on: its source has set no wider one.
    """
    said = {name.lower().replace("-", "_"): str(value).strip().lower() for name, value in (policy or {}).items()}
    if not said:
        return NO_LIMITS
    actions = said.get("permitted_actions")
    return IepLimits(
        tlp=read_tlp(said["tlp"]) if "tlp" in said else None,
        pap=None if actions is None else _ACTIONS.get(actions.replace(" ", "-"), Pap.RED),
        encrypt=said.get("encrypt_in_transit", "may") != "may",
        anonymous=said.get("provider_attribution", said.get("attribution", "may")) not in {"may", "must"},
        no_notifications=said.get("affected_party_notifications", "may") != "may",
    )
