"""The API: the same functions as the pages, for programs, under ``/api/v1``."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.server.api.application import api_door
    from tocsin.server.api.context import ApiContext
    from tocsin.server.api.models import RequestOnce
else:
    lazy_face(__name__)
