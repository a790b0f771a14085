"""The API: the same functions as the pages, for programs, under ``/api/v1``."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face
from tocsin.server.api.models import RequestOnce

if TYPE_CHECKING:  # the tables are read without a web framework
    from tocsin.server.api.application import api_door
else:
    lazy_face(__name__)
