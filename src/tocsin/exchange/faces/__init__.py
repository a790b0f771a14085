"""Where programs of partners come in: who they are by a token of their own, what they read, and what they offer."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.faces import acts
    from tocsin.exchange.faces.misp.answering import answer_call
    from tocsin.exchange.faces.misp.calls import MispAnswer, MispCall, failure
    from tocsin.exchange.faces.misp.incident_events import event_recipient, ground_detail, incident_package
    from tocsin.exchange.faces.models import FaceToken
    from tocsin.exchange.faces.offers import check_offer
    from tocsin.exchange.faces.taxii.collection import CollectionWriter, purge_incident, read_objects, refresh
    from tocsin.exchange.faces.taxii.events import has_events, read_events
    from tocsin.exchange.faces.taxii.models import TaxiiCollection, TaxiiObject
    from tocsin.exchange.faces.taxii.pages import TaxiiFilter, TaxiiPage, has_object, read_filter
    from tocsin.exchange.faces.taxii.posts import MOST_BYTES, post, status_of
    from tocsin.exchange.faces.tokens import Face, FaceCaller, FaceScope, face_caller, face_tokens
else:
    lazy_face(__name__)
