"""Agreements: what is shared under which rules, who signed the same bytes, and what this node adopted."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.agreements import acts
    from tocsin.exchange.agreements.editions import AgreementState, former_parties, in_force, left_out, only_removes
    from tocsin.exchange.agreements.keep import agreement_file, note_agreement, note_item_ground
    from tocsin.exchange.agreements.models import AgreementRow, DispatchGround
    from tocsin.exchange.agreements.read import (
        ListedAgreement,
        adopted_agreements,
        agreement_title,
        agreement_titles,
        ending_agreements,
        find_agreement,
        ground_of,
        is_stopped,
        list_agreements,
        note_ground,
        read_editions,
        signatures_of,
        waiting_agreements,
    )
    from tocsin.exchange.agreements.report import EXCHANGES, NONE, GroundShare, exchange_grounds, share_by_type
else:
    lazy_face(__name__)
