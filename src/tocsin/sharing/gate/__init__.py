"""The gate: everything that leaves the node leaves through here, and each yes and no names its rule.

``decide`` answers for one marking, recipient and purpose; ``fields_for`` says which fields may go with it;
``allowed_teams`` asks the same question for many teams at once. All are pure. Each also asks the local rules of the
node that hold for the item (`tocsin.sharing.rules`), which only narrow.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.sharing.gate.gate import VOLUNTARY, GateVerdict, allowed_teams, decide, fields_for, may_act
    from tocsin.sharing.gate.local import LocalRule
    from tocsin.sharing.gate.markings import Marking, Pap, Tlp, highest, read_marking, read_pap, read_tlp
    from tocsin.sharing.gate.rules import FIELD_RULES, RULES, ReleaseAction
    from tocsin.sharing.gate.terms import Audience, Recipient, ReleasePurpose, recipient_of
else:
    lazy_face(__name__)
