"""The analyst's first page: what needs a person, live."""

from tocsin.web.today.pages import today_pages

__all__ = ["today_pages"]
