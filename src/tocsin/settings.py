"""The settings of one node: ``tocsin.toml`` in its home folder, each value also as an environment variable.

``[mail] host = "…"`` is the same as ``TOCSIN_MAIL_HOST=…``; the environment wins.
"""

import os
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tocsin.errors import SettingError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NodeSettings(_Section):
    """Who this node is."""

    name: str = Field("Tocsin", description="The name of this CSIRT, as it signs its mails.")
    country: str = Field("", pattern="^([A-Z]{2})?$", description="ISO 3166-1 code of the country it serves, or empty.")
    contact: str = Field(
        "csirt@localhost", pattern=r"^[^@\s]+@[^@\s]+$", description="The mailbox that people can answer to."
    )


class StorageSettings(_Section):
    """Where records and events are kept."""

    database: str = Field("", description="SQLAlchemy URL of the records; empty: SQLite in the home folder.")


class IngestSettings(_Section):
    """How reports are read."""

    batch_bytes: int = Field(
        16_000_000, ge=10_000, description="Bytes of a report that are worked on at once; memory grows with it."
    )
    max_unpacked_bytes: int = Field(
        50_000_000_000, ge=1, description="A compressed report that unpacks to more is refused."
    )
    max_ratio: int = Field(
        1_000, ge=1, description="A compressed report that unpacks to more than this many times its size is refused."
    )
    max_record_bytes: int = Field(16_000_000, ge=1_000, description="A longer record is set aside.")
    duplicate_days: int = Field(7, ge=1, description="A repeated row is a duplicate for this many days after it came.")


class TellSettings(_Section):
    """When teams are told."""

    reminder_days: int = Field(7, ge=1, description="A problem that goes on is told again after this many days.")
    gone_after_days: int = Field(
        3, ge=1, description="A problem is gone when its feed ran on this many later days without it."
    )


class MailSettings(_Section):
    """How mails leave."""

    channel: Literal["file", "smtp"] = Field("file", description="'file' writes finished mails, 'smtp' sends them.")
    host: str = Field("127.0.0.1", description="The SMTP server.")
    port: int = Field(25, ge=1, le=65_535, description="Its port.")
    security: Literal["none", "starttls", "tls"] = Field("starttls", description="How the connection is protected.")
    user: str = Field("", description="User name for the SMTP server, or empty.")
    password_file: str = Field("", description="File that holds the password, readable by this user only.")
    max_bytes: int = Field(5_000_000, ge=50_000, description="A digest with larger attachments is cut into several.")


class RetentionSettings(_Section):
    """How long things are kept."""

    events_days: int = Field(365, ge=1, description="Events are deleted this many days after they came.")
    quarantine_days: int = Field(90, ge=1, description="Rows set aside are deleted after this many days.")
    mails_days: int = Field(90, ge=1, description="Finished mails are deleted after this many days.")


class ServerSettings(_Section):
    """Where the pages are served."""

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8080, ge=1, le=65_535, description="The port to listen on.")
    url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+[^\s?#/])?$",
        description="How others reach the pages, such as https://csirt.example.org; empty: mails carry no links.",
    )


class Settings(_Section):
    """All settings of a node."""

    node: NodeSettings = NodeSettings()
    storage: StorageSettings = StorageSettings()
    ingest: IngestSettings = IngestSettings()
    tell: TellSettings = TellSettings()
    mail: MailSettings = MailSettings()
    retention: RetentionSettings = RetentionSettings()
    server: ServerSettings = ServerSettings()


def load_settings(home: Path) -> Settings:
    """The settings of the node in ``home``; defaults where neither file nor environment says anything.

    Raises:
        SettingError: the file is not TOML, or a setting is unknown or has a value that does not work.

    """
    path = home / "tocsin.toml"
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not valid TOML: {error}", hint="Correct that line and start again.") from error
    for section, field in Settings.model_fields.items():
        kind = field.annotation
        if not (isinstance(kind, type) and issubclass(kind, _Section)):
            continue
        for name in kind.model_fields:
            value = os.environ.get(_variable(section, name))
            if value is not None and isinstance(given.setdefault(section, {}), dict):
                given[section][name] = value
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        parts = [str(part) for part in first["loc"]]
        variable = _variable(*parts)
        place = f"from the variable {variable}" if variable in os.environ else f"in {path}"
        raise SettingError(
            f"Setting '{'.'.join(parts)}' {place} does not work: {first['msg']}.",
            hint="docs/settings.md lists each setting and what it takes.",
        ) from error


def _variable(*parts: str) -> str:
    """The environment variable of a setting."""
    return "_".join(("TOCSIN", *parts)).upper()
