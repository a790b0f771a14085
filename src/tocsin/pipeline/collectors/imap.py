"""Reports in the mails of a mailbox: attached, packed, or in a mail that somebody forwarded.

A mail that is done with is moved to a folder, one that holds no report, or one that cannot be read, to another; one
that carries what must never be held is deleted, or moved for the police.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from tocsin.delivery.mailbox import LIMITS, Account, IncomingMail, Mailbox, MailPart, open_mailbox, read_mail
from tocsin.delivery.never_held import class_table, remove_mail
from tocsin.events.redaction import Redaction, redacted_bytes, report_in
from tocsin.events.sources import recognise
from tocsin.node.errors import InputError, InternalError, internal_failures
from tocsin.node.never_held_settings import NeverHeldSettings
from tocsin.node.oauth_settings import OAuthSettings
from tocsin.node.paths import HomeFolder
from tocsin.node.settings import load_settings, read_secret
from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorKind, Memory, WaitingReport, place
from tocsin.pipeline.collectors.trust import TrustSettings, trust

_ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".zip", ".gz")
_PACKED = (b"PK\x03\x04", b"\x1f\x8b")
_NAMES = {
    "text/csv": "report.csv",
    "text/tab-separated-values": "report.tsv",
    "application/json": "report.json",
    "application/x-ndjson": "report.jsonl",
    "application/zip": "report.zip",
    "application/x-zip-compressed": "report.zip",
    "application/gzip": "report.gz",
    "application/x-gzip": "report.gz",
}
_LABEL = 120  # characters


class ImapSettings(OAuthSettings, TrustSettings):
    """Reports that come by mail, in an account of their own."""

    kind: Literal["imap"]
    host: str = Field(min_length=1, description="The IMAP server.")
    port: int = Field(993, ge=1, le=65_535, description="Its port; usually 993 with 'tls', 143 with 'starttls'.")
    security: Literal["none", "starttls", "tls"] = Field("tls", description="How the connection is protected.")
    user: str = Field(min_length=1, description="The user name.")
    secret_file: str = Field(
        "", description="File that holds the password, readable by this user only; not with token_url."
    )
    folder: str = Field("INBOX", min_length=1, description="The folder that is read.")
    done_folder: str = Field(
        "tocsin-done", min_length=1, description="Mails whose reports were taken in are moved to this folder."
    )
    refused_folder: str = Field(
        "tocsin-refused", min_length=1, description="Mails without a report that can be read are moved to this folder."
    )
    max_bytes: int = Field(50_000_000, ge=10_000, description="A larger mail is refused.")

    @model_validator(mode="after")
    def _secret_is_one(self) -> Self:
        if bool(self.secret_file) == bool(self.token_url):
            raise ValueError("it needs secret_file or token_url, one of them")
        return self


@dataclass(frozen=True)
class Imap:
    """The collector (`tocsin.pipeline.collectors.Collector`)."""

    settings: ImapSettings
    home: Path

    @contextmanager
    def look(self, memory: Memory) -> Iterator[Iterator[CollectedOffer]]:
        """The mails in the folder, oldest first."""
        del memory  # what was taken is in another folder
        with open_mailbox(self._account(), tls=trust(self.settings, self.home)) as mailbox:
            yield (self._offer(mailbox, received) for received in mailbox.waiting())

    def _offer(self, mailbox: Mailbox, received: IncomingMail) -> CollectedOffer:
        """What a mail holds; one over which we stumble is refused, and the mails behind it are read."""
        settle = partial(self._move, mailbox, received.uid, how="")
        try:
            with internal_failures(f"mail {received.uid}"):
                offer, never_held = self._read(received)
                how = self._never_held.mail_on_server if never_held else ""
                return replace(offer, settle=partial(self._move, mailbox, received.uid, how=how))
        except InternalError as error:
            return CollectedOffer(f"mail {received.uid}", [], refused=f"{error}\n{error.hint}", settle=settle)

    def _account(self) -> Account:
        settings = self.settings
        path = str(place(self.home, settings.secret_file)) if settings.secret_file else ""
        password = read_secret(path, setting="secret_file")
        return Account(
            settings.host,
            settings.user,
            password,
            settings.placed(lambda path: str(place(self.home, path))),
            port=settings.port,
            security=settings.security,
            folder=settings.folder,
            max_bytes=settings.max_bytes,
        )

    @cached_property
    def _never_held(self) -> NeverHeldSettings:
        return load_settings(self.home).never_held

    def _read(self, received: IncomingMail) -> tuple[CollectedOffer, bool]:
        """What a mail holds, and whether it carries what must never be held."""
        mail = read_mail(received.raw, replace(LIMITS, bytes=self.settings.max_bytes))
        label = (mail.subject or mail.message_id or f"mail {received.uid}")[:_LABEL]
        if received.too_large:
            reason = f"The mail has {received.size:,} bytes, more than max_bytes allows; it was not read."
            return CollectedOffer(label, [], refused=reason), False
        found, never_held, withheld = list(self._reports(mail.all_parts())), [], False
        for part in mail.all_parts():
            content = report_in(part.content) if part.media_type.startswith("text/") else part.content
            redaction = self._seen(content)
            withheld |= bool(redaction.withheld)
            if redaction.found:
                never_held.append(("report.json", replace(part, content=content)))
        if withheld:
            label = f"mail {received.uid}"  # a subject may tell what is not to be kept
        taken = {part.content for _, part in found}
        found += [(name, part) for name, part in never_held if part.content not in taken]
        items = [WaitingReport(name, len(part.content), read=partial(_content, part)) for name, part in found]
        reasons = [*mail.reasons, *([] if items else ["There is no report in the mail."])]
        return CollectedOffer(label, items, refused="\n".join(reasons)), bool(never_held)

    def _seen(self, content: bytes) -> Redaction:
        """The redaction after a part passed it; what is found is noted when the part is fetched."""
        redaction = Redaction(class_table(self._never_held))
        with suppress(InputError):  # it is refused when it is fetched
            redacted_bytes(content, redaction)
        return redaction

    def _reports(self, parts: Iterator[MailPart]) -> Iterator[tuple[str, MailPart]]:
        """The parts that are reports by their name, type or first bytes, or that a source recognises."""
        for part in parts:
            name = part.name or _NAMES.get(part.media_type, "")
            packed = part.content.startswith(_PACKED) and "." not in name  # office documents are zip files, too
            if name.lower().endswith(_ENDINGS) or packed:
                yield name or "report", part
            elif name and part.attached and recognise(name, part.content[:65_536], self.home / HomeFolder.FEEDS):
                yield name, part

    def _move(self, mailbox: Mailbox, uid: str, refused: str, *, how: str) -> None:
        if how:
            remove_mail(mailbox, uid, how)
            return
        mailbox.move(uid, self.settings.refused_folder if refused else self.settings.done_folder)


def _content(part: MailPart) -> Iterator[bytes]:
    yield part.content


KIND: Final = CollectorKind(ImapSettings, Imap)
