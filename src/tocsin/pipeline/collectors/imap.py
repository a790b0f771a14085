"""Reports in the mails of a mailbox: attached, packed, or in a mail that somebody forwarded.

A mail that is done with is moved to a folder, one that holds no report, or one that cannot be read, to another; one
that carries what must never be held is deleted, or moved for the police.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from tocsin.delivery.mailbox import LIMITS, Account, IncomingMail, Mailbox, open_mailbox, read_mail, reports_in
from tocsin.delivery.never_held import MailFilter, class_table, found_in, looked_through, remove_mail
from tocsin.delivery.sealing import ClosedMailError, OpeningKeys, open_mail, opening_keys
from tocsin.events.redaction import Redaction
from tocsin.node.confined import ConfinedError
from tocsin.node.errors import InternalError, internal_failures
from tocsin.node.never_held_settings import NeverHeldSettings
from tocsin.node.oauth_settings import OAuthSettings
from tocsin.node.paths import HomeFolder
from tocsin.node.settings import load_settings, read_secret
from tocsin.node.volumes import check_room
from tocsin.pipeline.collectors.kinds import CollectedOffer, CollectorKind, Memory, WaitingReport, place
from tocsin.pipeline.collectors.trust import TrustSettings, trust
from tocsin.pipeline.parse import known_by

_LABEL = 120  # characters
_HEAD = 65_536  # bytes in which the sender stands


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
        check_room(load_settings(self.home).intake, self.home)  # else they stay on their server
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

    def _opening_keys(self) -> OpeningKeys:
        return opening_keys(self.home, load_settings(self.home).mail, datetime.now(UTC))

    def _read(self, received: IncomingMail) -> tuple[CollectedOffer, bool]:
        """What a mail holds, and whether it carries what must never be held."""
        try:
            raw = received.raw if received.too_large else open_mail(received.raw, self._opening_keys).raw
        except (ClosedMailError, ConfinedError) as error:
            sender = " ".join(read_mail(received.raw[:_HEAD]).sender.split())
            label = f"mail {received.uid}, {sender}, {received.size:,} bytes"[:_LABEL]
            return CollectedOffer(label, [], refused=str(error)), False
        mail = read_mail(raw, replace(LIMITS, bytes=self.settings.max_bytes))
        label = (mail.subject or mail.message_id or f"mail {received.uid}")[:_LABEL]
        if received.too_large:
            reason = f"The mail has {received.size:,} bytes, more than max_bytes allows; it was not read."
            return CollectedOffer(label, [], refused=reason), False
        folders = self.home / HomeFolder.FEEDS
        found = [(one.name, one.content) for one in reports_in(mail, known_by(folders))]
        redaction = partial(Redaction, class_table(self._never_held), mails=MailFilter())
        looks = looked_through(mail, redaction, raw)
        if any(look.withheld for _, look in looks):
            label = f"mail {received.uid}"  # a subject may tell what is not to be kept
        taken = {content for _, content in found}
        # it is noted when it is fetched
        found += [("report.json", content) for content, _ in found_in(looks) if content not in taken]
        items = [WaitingReport(name, len(content), read=partial(_content, content)) for name, content in found]
        reasons = [*mail.reasons, *([] if items else ["There is no report in the mail."])]
        offer = CollectedOffer(label, items, refused="\n".join(reasons))
        return offer, any(look.found for _, look in looks)

    def _move(self, mailbox: Mailbox, uid: str, refused: str, *, how: str) -> None:
        if how:
            remove_mail(mailbox, uid, how)
            return
        mailbox.move(uid, self.settings.refused_folder if refused else self.settings.done_folder)


def _content(content: bytes) -> Iterator[bytes]:
    yield content


KIND: Final = CollectorKind(ImapSettings, Imap)
