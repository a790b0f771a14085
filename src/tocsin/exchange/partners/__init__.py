"""Partners: who they are, which of their keys a person confirmed, and the last proof that the link to each works.

What a partner's file says is an assertion: a key that only came with it is *claimed*, and verifies nothing.
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.partners import acts, list_acts
    from tocsin.exchange.partners.allowances import refused_partners
    from tocsin.exchange.partners.attestations import attestations_of, attested, ending_attestations
    from tocsin.exchange.partners.cerebrate import cerebrate_files
    from tocsin.exchange.partners.key_acts import BESIDE, NO_ROUTE, Once, PartnerName, PartnerNamed
    from tocsin.exchange.partners.key_notices import check_key_notice, note_key_notice
    from tocsin.exchange.partners.links_abroad import by_country, link_proofs, measured_links
    from tocsin.exchange.partners.models import Partner, PartnerCheck, PartnerKey
    from tocsin.exchange.partners.profiles import invitation, own_key, own_profile, read_profile_file
    from tocsin.exchange.partners.read import (
        KeyVoucher,
        ListedPartner,
        claimed_keys,
        due_checks,
        ending_keys,
        find_partner,
        list_partners,
        listings_of,
        partner_names,
        pinned_keys,
        read_partner,
        stopped_by,
        stopped_keys,
        vouchers,
        why_keyless,
    )
    from tocsin.exchange.partners.states import (
        CHECK_DAYS,
        CHECK_RESULTS,
        CHECK_WAYS,
        KEY_CONFIRMATIONS,
        KEY_ENDS,
        CheckResult,
        CheckWay,
        KeyConfirmation,
        KeyEnd,
        LinkState,
        PartnerKeyState,
        key_state,
    )
else:
    lazy_face(__name__)
