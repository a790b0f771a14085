"""The audit log: who did what, and whether it is as it was sealed."""

from tocsin.server.pages.audit.pages import audit_pages

__all__ = ["audit_pages"]
