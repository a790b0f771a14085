"""What every door of the server has in common: who asks, whether they may, and what every answer carries."""

from tocsin.doors.files import sent
from tocsin.doors.forms import Form, text_of, texts_of
from tocsin.doors.guard import NotHereError, SecondFactorError, SignInError, needs, visitor_of
from tocsin.doors.headers import with_headers
from tocsin.doors.numbers import Number, number_in
from tocsin.doors.on_record import OnRecord
from tocsin.doors.patience import Patience
from tocsin.doors.welcome import COOKIE, Welcome, cookie_for

__all__ = [
    "COOKIE",
    "Form",
    "NotHereError",
    "Number",
    "OnRecord",
    "Patience",
    "SecondFactorError",
    "SignInError",
    "Welcome",
    "cookie_for",
    "needs",
    "number_in",
    "sent",
    "text_of",
    "texts_of",
    "visitor_of",
    "with_headers",
]
