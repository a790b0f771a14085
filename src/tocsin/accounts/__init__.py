"""Accounts: the people of a node, how they prove who they are, and what each may do.

``permissions`` is the one place where it is decided who may do what; pages and API ask it and decide nothing.
"""

from tocsin.accounts.models import Person, Session
from tocsin.accounts.permissions import NOBODY, OPEN, Act, Reach, Role, Visitor
from tocsin.accounts.sessions import end_session, read_session, start_session

__all__ = [
    "NOBODY",
    "OPEN",
    "Act",
    "Person",
    "Reach",
    "Role",
    "Session",
    "Visitor",
    "end_session",
    "read_session",
    "start_session",
]
