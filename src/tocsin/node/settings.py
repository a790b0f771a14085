"""The settings of one node: ``tocsin.toml`` in its home folder, each value also as an environment variable.

``[mail] host = "…"`` is the same as ``TOCSIN_MAIL_HOST=…``; the environment wins.
"""

import os
import tomllib
from collections.abc import Mapping
from functools import reduce
from ipaddress import ip_network
from operator import getitem
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from tocsin.node.duty_settings import DutySettings
from tocsin.node.errors import SettingError
from tocsin.node.evidence_settings import EvidenceSettings
from tocsin.node.exchange_settings import ExchangeSettings
from tocsin.node.intake_settings import IntakeSettings
from tocsin.node.log_settings import LogSettings
from tocsin.node.never_held_settings import NeverHeldSettings
from tocsin.node.node_settings import NodeSettings
from tocsin.node.oauth_settings import OAuthSettings
from tocsin.node.paths import HomeFile
from tocsin.node.section import Name, Section, Words, split_words
from tocsin.node.setting_faults import line_of, problem_of
from tocsin.node.standby_settings import StandbySettings
from tocsin.node.storage_settings import StorageSettings
from tocsin.node.takedown_settings import TakedownSettings
from tocsin.node.tell_settings import TellSettings
from tocsin.node.work_settings import WorkSettings


class IngestSettings(Section):
    """How reports are read."""

    batch_bytes: int = Field(
        16_000_000, ge=10_000,
        description="Bytes of a report that are worked on at once, or up to three quarters more where that leaves no "
        "small rest; memory grows with it.",
    )  # fmt: skip
    max_unpacked_bytes: int = Field(
        50_000_000_000, ge=1, description="A compressed report that unpacks to more is refused."
    )
    max_ratio: int = Field(
        1_000, ge=1, description="A compressed report that unpacks to more than this many times its size is refused."
    )
    max_record_bytes: int = Field(16_000_000, ge=1_000, description="A longer record goes into quarantine.")
    duplicate_days: int = Field(7, ge=1, description="A repeated row is a duplicate for this many days after it came.")


class MailSettings(OAuthSettings):
    """How mails leave."""

    channel: Literal["file", "smtp"] = Field("file", description="'file' writes finished mails, 'smtp' sends them.")
    host: str = Field("127.0.0.1", description="The SMTP server.")
    port: int = Field(25, ge=1, le=65_535, description="Its port.")
    security: Literal["none", "starttls", "tls"] = Field("starttls", description="How the connection is protected.")
    user: str = Field("", description="User name for the SMTP server, or empty.")
    password_file: str = Field(
        "",
        description="File that holds the password, readable by this user only (a relative path: in the home folder).",
    )
    max_bytes: int = Field(5_000_000, ge=50_000, description="A digest with larger attachments is cut into several.")
    sign: Literal["none", "openpgp", "smime"] = Field(
        "none", description="Mails that are not encrypted are signed so; 'tocsin keys node-make' makes the keys."
    )
    openpgp_key: str = Field(
        "", description="File with this node's OpenPGP private key; empty: keys/openpgp.asc in the home folder."
    )
    smime_key: str = Field(
        "", description="PEM file with its S/MIME private key and certificates; empty: keys/smime.pem there."
    )
    key_password_file: str = Field(
        "", description="File that holds the password of these keys, readable by this user only; empty: they have none."
    )


class MailboxSettings(OAuthSettings):
    """The mail account that replies come to, and how it is read."""

    address: str = Field(
        "",
        pattern=r"^([A-Za-z0-9._-]{1,28}@[A-Za-z0-9.-]+)?$",
        description="Replies go to it with '+' and a token in its local part, such as csirt@example.org; empty: none.",
    )
    subaddress: bool = Field(
        default=True,
        description="The mail server puts mail for the address with '+' and a token into the account; false: the token "
        "is at the end of each mail's text instead.",
    )
    host: str = Field("", description="The IMAP server of the account; empty: no replies are read.")
    port: int = Field(993, ge=1, le=65_535, description="Its port; usually 993 with 'tls', 143 with 'starttls'.")
    security: Literal["none", "starttls", "tls"] = Field("tls", description="How the connection is protected.")
    user: str = Field("", description="User name for the IMAP server.")
    password_file: str = Field(
        "",
        description="File that holds the password, readable by this user only (a relative path: in the home folder).",
    )
    folder: str = Field("INBOX", min_length=1, description="The folder that is read.")
    read_folder: str = Field("tocsin-read", min_length=1, description="Mails that were read are moved to this folder.")
    aside_folder: str = Field(
        "tocsin-aside", min_length=1, description="Mails that are not read, as too large, are moved to this folder."
    )
    max_bytes: int = Field(25_000_000, ge=10_000, description="A larger mail is moved aside unread.")


class DirectorySettings(Section):
    """What this node needs to know of a team before it trusts it with something."""

    needs: dict[str, list[Literal["mandate", "accreditation", "peer", "self"]]] = Field(
        default={},
        description="Attestations that a team needs, all of them, by what for: needs = { exchange = ['mandate'] }.",
    )
    most_gone: int = Field(
        20, ge=0, le=100, description="An import that withdraws more percent of what its source said needs '--yes'."
    )
    rdap: bool = Field(False, description="Ask the registries about single networks over RDAP when asked.")
    rdap_server: str = Field(
        "",
        pattern=r"^(https://[^\s?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?(/[^\s?#]*)?)?$",
        description="The RDAP server to ask for everything; empty: those that IANA names.",
    )
    rdap_days: int = Field(30, ge=0, description="An answer over RDAP is used again for this many days.")
    rdap_pause: float = Field(2.0, ge=0, description="Seconds between two questions over RDAP.")
    answer_days: int = Field(
        14, ge=1, description="A contact is answering when a person acknowledged a digest within this many days."
    )
    verify_every_days: int = Field(
        365, ge=60, description="So long a confirmation or an answer counts; its holder is asked again before that."
    )
    verify_a_day: int = Field(200, ge=1, description="At most so many email addresses are asked to confirm on one day.")
    verify_domain_a_day: int = Field(5, ge=1, description="At most so many of them in one domain.")
    resolver: str = Field(
        "",
        pattern=r"^([0-9a-fA-F.:]+(#\d{1,5})?)?$",
        description="The DNS server, ADDRESS or ADDRESS#PORT, that claims are checked with; empty: that of the system.",
    )
    states: str = Field(
        "", description="The file of the states whose national CIRTs are counted; empty: the members of the UN."
    )
    bodies: str = Field(
        "", description="The file that says which bodies of CSIRTs are regional or international; empty: ours."
    )


class RetentionSettings(Section):
    """How long things are kept."""

    events_days: int = Field(365, ge=1, description="Events are deleted this many days after they came.")
    quarantine_days: int = Field(90, ge=1, description="Unreadable rows are deleted after this many days.")
    reread_days: int = Field(7, ge=0, description="Reports up to 64 MB are kept as received so many days; 0: none.")
    mails_days: int = Field(90, ge=1, description="Mails, sent and received, are deleted after this many days.")
    exchange_days: int = Field(365, ge=1, description="Files of finished dispatches are deleted after so many days.")
    inbox_days: int = Field(
        365,
        ge=1,
        description="Closed reports from the public are deleted this many days after the last that happened to them.",
    )


class SeveritySettings(Section):
    """How incidents are rated."""

    schemes: Words = Field(
        ("impact-size",),
        description="The severity schemes that incidents are rated by, the usual one first: ids of 'tocsin severity "
        "list', or files (a relative path: in the home folder).",
    )


class ServerSettings(Section):
    """Where the pages are served."""

    host: str = Field("127.0.0.1", description="The address to listen on.")
    port: int = Field(8080, ge=1, le=65_535, description="The port to listen on.")
    url: str = Field(
        "",
        pattern=r"^(https?://[^\s?#]+[^\s?#/])?$",
        description="How others reach the pages, such as https://csirt.example.org; empty: mails carry no links.",
    )
    trusted_proxies: Words = Field(
        ("127.0.0.1", "::1"),
        description="Addresses and networks of the proxies before this server: what they say of who asks is believed.",
    )
    work: bool = Field(
        default=True,
        description="A process beside it collects, tells and keeps order, as is due; false: timers call the commands.",
    )
    memory_mb: int = Field(
        0,
        ge=0,
        description="MB of memory that questions about events may hold at once in a process; 0: half of the machine's.",
    )
    policy_url: str = Field(
        "",
        pattern=r"^(https://[^\s]+)?$",
        description="The address of your policy for reports of flaws; the node's security.txt names it (RFC 9116).",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError(f"'{text}' is no address or network") from None
        return texts


class AccountsSettings(Section):
    """How people prove who they are."""

    second_factor: Annotated[
        tuple[
            Literal[
                "administrator",
                "manager",
                "analyst",
                "auditor",
                "operator",
                "assessor",
                "delegate",
                "protection-officer",
            ],
            ...,
        ],
        BeforeValidator(split_words),
    ] = Field(
        ("administrator", "manager", "protection-officer"),
        description="The roles whose people must sign in with a second factor; it is set up at the first sign-in.",
    )
    leaked_passwords: str = Field(
        "",
        description="A file of passwords that were leaked elsewhere, which no account may have: SHA-1 in order, a line "
        "each, as Have I Been Pwned gives them. Empty: none is looked up.",
    )


class SingleSignOnSettings(Section):
    """Signing in with an account elsewhere, over OpenID Connect."""

    issuer: str = Field(
        "",
        pattern=r"^(https://[^\s?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?(/[^\s?#]*)?)?$",
        description="The OpenID provider, exactly as it names itself; empty: there is none. Needs server.url.",
    )
    client_id: str = Field("", description="The name under which this node is known to the provider.")
    client_secret_file: str = Field(
        "",
        description="File that holds the secret shared with the provider, readable by this user only (a relative path: "
        "in the home folder); empty: there is none.",
    )
    name: str = Field("single sign-on", min_length=1, description="What the button calls it: Sign in with …")
    domains: Words = Field(
        (), description="Only email addresses in these domains are taken from the provider; empty: any."
    )
    two_factors: bool = Field(
        default=False, description="The provider asks everybody for two factors, so that we ask for no second one."
    )

    @model_validator(mode="after")
    def _known_there(self) -> Self:
        if self.issuer and not self.client_id:
            raise ValueError("'client_id' must be set where there is an 'issuer'")
        return self


class ApiSettings(Section):
    """What programs may ask of the API."""

    requests_a_minute: int = Field(600, ge=1, description="So many requests a minute from one person or token.")
    public_a_minute: int = Field(
        60,
        ge=1,
        description="So many from one address (IPv6: one /64) without an account; ten times as many from its network.",
    )
    max_upload_bytes: int = Field(
        5_000_000_000, ge=1_000, description="A report that is sent in may have so many bytes."
    )


class AssetsSettings(Section):
    """The register of critical assets: docs/assets.md."""

    enabled: bool = Field(default=False, description="Whether there is one; off, nothing of it is shown to anybody.")


class Settings(Section):
    """All settings of a node."""

    node: NodeSettings = NodeSettings()
    storage: StorageSettings = StorageSettings()
    standby: StandbySettings = StandbySettings()
    ingest: IngestSettings = IngestSettings()
    work: WorkSettings = WorkSettings()
    tell: TellSettings = TellSettings()
    mail: MailSettings = MailSettings()
    mailbox: MailboxSettings = MailboxSettings()
    directory: DirectorySettings = DirectorySettings()
    retention: RetentionSettings = RetentionSettings()
    severity: SeveritySettings = SeveritySettings()
    never_held: NeverHeldSettings = NeverHeldSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    takedowns: TakedownSettings = TakedownSettings()
    duty: DutySettings = DutySettings()
    server: ServerSettings = ServerSettings()
    api: ApiSettings = ApiSettings()
    accounts: AccountsSettings = AccountsSettings()
    single_sign_on: SingleSignOnSettings = SingleSignOnSettings()
    assets: AssetsSettings = AssetsSettings()
    exchange: ExchangeSettings = ExchangeSettings()
    intake: IntakeSettings = IntakeSettings()
    log: LogSettings = LogSettings()
    collect: dict[Name, dict[str, Any]] = Field({}, description="Collectors by name, each a table of its settings.")


def load_settings(home: Path) -> Settings:
    """The settings of the node in ``home``; defaults where neither file nor environment says anything.

    Raises:
        SettingError: the file is not TOML, or a setting is unknown or has a value that does not work.

    """
    return _checked(*_written(home), home)


def load_known_settings(home: Path) -> tuple[Settings, dict[str, int]]:
    """The same without the settings that this version does not know: their names, each with its line of the file.

    A variable of the environment, which it passes over, has line 0.

    Raises:
        SettingError: the file is not TOML, or a setting has a value that does not work.

    """
    (text, given), unknown = _written(home), dict.fromkeys(_unknown_variables(), 0)
    try:
        Settings.model_validate(given)
    except ValidationError as error:
        for *tables, name in (fault["loc"] for fault in error.errors() if fault["type"] == "extra_forbidden"):
            unknown[".".join(map(str, [*tables, name]))] = line_of(text, [*tables, name])
            del reduce(getitem, tables, given)[name]
    return _checked(text, given, home), unknown


def _written(home: Path) -> tuple[str, dict[Any, Any]]:
    """The text of the file, and what it and the environment say."""
    path = home / HomeFile.SETTINGS
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        given = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not valid TOML: {error}", hint="Correct that line and start again.") from error
    for section, kind in _sections().items():
        for name in kind.model_fields:
            value = os.environ.get(_variable(section, name))
            if value is not None and isinstance(given.setdefault(section, {}), dict):
                given[section][name] = value
    return text, given


def _sections() -> dict[str, type[Section]]:
    kinds = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Section)}


def _unknown_variables() -> list[str]:
    """Variables of the environment that are called like a setting of a section, and are none."""
    known = {_variable(section, name) for section, kind in _sections().items() for name in kind.model_fields}
    begun = tuple(_variable(section, "") for section in _sections())
    return sorted(name for name in os.environ if name.startswith(begun) and name not in known)


def _checked(text: str, given: Mapping[str, Any], home: Path) -> Settings:
    try:
        settings = _with_places(Settings.model_validate(given), home)
    except ValidationError as error:
        first = error.errors()[0]
        parts = [str(part) for part in first["loc"]]
        variable, line = _variable(*parts), line_of(text, first["loc"])
        path = f"{home / HomeFile.SETTINGS}{f', line {line},' if line else ''}"
        place = f"from the variable {variable}" if variable in os.environ else f"in {path}"
        raise SettingError(
            f"Setting '{'.'.join(parts)}' {place} does not work: {problem_of(first)}.",
            hint="docs/settings.md lists each setting and what it takes.",
        ) from error
    if settings.standby.folder and settings.storage.address:
        raise SettingError(
            "A standby machine follows the home folder, and [storage] address has most of it elsewhere.",
            hint="Leave one of them empty: with storage that all machines see, a second server takes its place.",
        )
    return settings


def _with_places(settings: Settings, home: Path) -> Settings:
    """The same; files of secrets that are named by a relative path count from the home folder."""

    def placed(path: str) -> str:
        return str(home / Path(path).expanduser()) if path else ""

    mail, mailbox, elsewhere = settings.mail, settings.mailbox, settings.single_sign_on
    hotline, duty, storage = settings.never_held, settings.duty, settings.storage
    files = {"password_file": placed(mail.password_file), "key_password_file": placed(mail.key_password_file)}
    return settings.model_copy(
        update={
            "mail": mail.placed(placed).model_copy(update=files),
            "storage": storage.model_copy(update={"secret_file": placed(storage.secret_file)}),
            "never_held": hotline.model_copy(update={"openpgp_key": placed(hotline.openpgp_key)}),
            "duty": duty.model_copy(update={"webhook_secret_file": placed(duty.webhook_secret_file)}),
            "mailbox": mailbox.placed(placed).model_copy(update={"password_file": placed(mailbox.password_file)}),
            "single_sign_on": elsewhere.model_copy(update={"client_secret_file": placed(elsewhere.client_secret_file)}),
        }
    )


def read_secret(path: str, *, setting: str) -> str:
    """The first line of a file that holds a password or a key; empty where no file is set. ``setting``: its name.

    Raises:
        SettingError: the file cannot be read, or others than this user may read it.

    """
    if not path:
        return ""
    file = Path(path).expanduser()
    try:
        if file.stat().st_mode & 0o077:
            raise SettingError(f"The secret file {file} can be read by others.", hint=f"Run: chmod 600 {file}")
        return file.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingError(f"The secret file {file} cannot be read: {reason}.", hint=f"Correct {setting}.") from error


def _variable(*parts: str) -> str:
    """The environment variable of a setting."""
    return "_".join(("TOCSIN", *parts)).upper()
