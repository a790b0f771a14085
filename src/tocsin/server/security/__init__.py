"""What every door of the server has in common: who asks, whether they may, and what every answer carries."""

from tocsin.interface.authorization import NotHereError, SecondFactorError, SignInError, needs, visitor_of
from tocsin.interface.numbers import Number, number_in
from tocsin.server.security.authentication import (
    COOKIE,
    Authentication,
    address_of,
    cookie_for,
    drop_cookie,
    keep_cookie,
)
from tocsin.server.security.body_timeout import BodyTimeout
from tocsin.server.security.files import sent
from tocsin.server.security.forms import Form, text_of, texts_of
from tocsin.server.security.headers import with_headers
from tocsin.server.security.read_audit import ReadAudit

__all__ = [
    "COOKIE",
    "Authentication",
    "BodyTimeout",
    "Form",
    "NotHereError",
    "Number",
    "ReadAudit",
    "SecondFactorError",
    "SignInError",
    "address_of",
    "cookie_for",
    "drop_cookie",
    "keep_cookie",
    "needs",
    "number_in",
    "sent",
    "text_of",
    "texts_of",
    "visitor_of",
    "with_headers",
]
