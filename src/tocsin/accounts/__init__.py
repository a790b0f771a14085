"""Accounts: the people of a node, how they prove who they are, and what each may do.

``permissions`` is the one place where it is decided who may do what; pages and API ask it and decide nothing.
"""

from tocsin.accounts.api_tokens import list_tokens, make_token, read_token, revoke_token, scopes_of, token_state
from tocsin.accounts.models import Person, Session
from tocsin.accounts.permissions import NOBODY, OPEN, Act, Reach, Role, Visitor
from tocsin.accounts.sessions import end_session, living_sessions, read_session, start_session
from tocsin.accounts.tables import ApiToken

__all__ = [
    "NOBODY",
    "OPEN",
    "Act",
    "ApiToken",
    "Person",
    "Reach",
    "Role",
    "Session",
    "Visitor",
    "end_session",
    "list_tokens",
    "living_sessions",
    "make_token",
    "read_session",
    "read_token",
    "revoke_token",
    "scopes_of",
    "start_session",
    "token_state",
]
