"""Where programs of partners come in: who they are, by a token of their own."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.exchange.faces import acts
    from tocsin.exchange.faces.models import FaceToken
    from tocsin.exchange.faces.offers import check_offer, recalled_names
    from tocsin.exchange.faces.tokens import Face, FaceCaller, FaceScope, face_caller, face_tokens
else:
    lazy_face(__name__)
