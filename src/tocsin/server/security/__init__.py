"""What every door of the server has in common: who asks, whether they may, and what every answer carries."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.interface import Form, text_of, texts_of
    from tocsin.server.security.authentication import (
        COOKIE,
        Authentication,
        address_of,
        cookie_for,
        drop_cookie,
        keep_cookie,
    )
    from tocsin.server.security.body_timeout import BodyTimeout
    from tocsin.server.security.fenced import FencedRefusal
    from tocsin.server.security.files import sent
    from tocsin.server.security.header_timeout import TimedProtocol
    from tocsin.server.security.headers import with_headers
    from tocsin.server.security.rate_limit import ByteLimit, RateLimit
    from tocsin.server.security.read_audit import ReadAudit
    from tocsin.server.security.turns import StrangerTurns
else:
    lazy_face(__name__)
