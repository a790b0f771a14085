"""Times as people type them."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from tocsin.interface.capabilities import N_


def _aware(value: Any) -> Any:
    """A time without a zone is UTC, as all times that people type here."""
    if isinstance(value, str):
        text = value.strip().removesuffix("UTC").strip().replace("Z", "+00:00")
        try:
            value = datetime.fromisoformat(text)
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except (OverflowError, ValueError):  # a time of the year 1 may be before it in UTC
            raise ValueError(N_("Write a time like 2026-12-04 16:30 (UTC).")) from None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


Moment = Annotated[datetime, BeforeValidator(_aware)]
"""A time as people type it: a date, or a date with a time; UTC where no zone is said."""
