"""What every door of the server has in common: who asks, whether they may, and what every answer carries."""

from tocsin.doors.guard import ACT, NotHereError, SignInError, needs
from tocsin.doors.headers import with_headers
from tocsin.doors.welcome import COOKIE, Welcome, cookie_for, visitor_of

__all__ = [
    "ACT",
    "COOKIE",
    "NotHereError",
    "SignInError",
    "Welcome",
    "cookie_for",
    "needs",
    "visitor_of",
    "with_headers",
]
