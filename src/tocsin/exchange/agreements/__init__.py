"""Agreements: what is shared under which rules, who signed the same bytes, and what this node adopted."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.agreements.editions import (
        AgreementEdition,
        AgreementState,
        adopted_edition,
        former_parties,
        left_out,
        members,
        state_of,
    )
    from tocsin.exchange.agreements.keep import (
        ARMOR,
        add_signatures,
        agreement_file,
        check_agreements,
        keep_edition,
        note_agreement,
        read_agreement_file,
        text_of,
    )
    from tocsin.exchange.agreements.models import DispatchGround, StoredAgreement
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
else:
    lazy_face(__name__)
