"""Where programs of partners come in: who they are by a token of their own, what they read, and what they offer."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.protocols import acts
    from tocsin.exchange.protocols.misp.answering import answer_call
    from tocsin.exchange.protocols.misp.calls import MispAnswer, MispCall, failure
    from tocsin.exchange.protocols.misp.incident_events import event_recipient, ground_detail, incident_package
    from tocsin.exchange.protocols.models import PartnerToken
    from tocsin.exchange.protocols.offers import check_offer, take_partner_bytes
    from tocsin.exchange.protocols.taxii.collection import CollectionWriter, purge_incident, read_objects, refresh
    from tocsin.exchange.protocols.taxii.events import has_events, read_events
    from tocsin.exchange.protocols.taxii.models import TaxiiCollection, TaxiiObject
    from tocsin.exchange.protocols.taxii.pages import TaxiiFilter, TaxiiPage, has_object, read_filter
    from tocsin.exchange.protocols.taxii.posts import MOST_BYTES, post, status_of
    from tocsin.exchange.protocols.tokens import (
        ACCESS_PROTOCOLS,
        TOKEN_SCOPES,
        AccessProtocol,
        ProgramCaller,
        TokenScope,
        partner_tokens,
        program_caller,
    )
else:
    lazy_face(__name__)
