"""The gate: everything that leaves the node leaves through here, and each yes and no names its rule.

``decide`` answers for one marking, recipient and purpose; ``fields_for`` says which fields may go with it;
``allowed_teams`` asks the same question for many teams at once, ``decide_transfer`` how much of a part may go to a
partner. All are pure. Each also asks the local rules of the node that hold for the item (`tocsin.sharing.rules`), which
only narrow.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.sharing.gate.gate import (
        RESTRICTED,
        VOLUNTARY,
        GateVerdict,
        TransferVerdict,
        allowed_teams,
        decide,
        decide_transfer,
        fields_for,
        may_act,
    )
    from tocsin.sharing.gate.iep import NO_LIMITS, IepLimits, iep_limits
    from tocsin.sharing.gate.local import LocalRule
    from tocsin.sharing.gate.markings import Marking, Pap, Tlp, highest, read_marking, read_pap, read_tlp
    from tocsin.sharing.gate.rules import FIELD_RULES, RULES, ReleaseAction
    from tocsin.sharing.gate.terms import (
        UNKNOWN_SOURCE,
        Audience,
        ConsentGround,
        ItemSource,
        Recipient,
        ReleasePurpose,
        SourceConsent,
        recipient_of,
    )
    from tocsin.sharing.gate.transfers import (
        DATA_CLASSES,
        RULE_CODES,
        DataClass,
        ReleaseItem,
        TransferCode,
        TransferLevel,
        TransferRule,
        attestation_key,
        strictest,
    )
else:
    lazy_face(__name__)
