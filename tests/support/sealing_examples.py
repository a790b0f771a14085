"""A node and a team with keys, deliveries between them, and what gpg and openssl make of the mails."""

import email
import email.policy
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

import polars as pl

from support.delivery_examples import Read, Told, events, node, owe, read_mail, team
from support.mail_keys import Gpg, certificate, gnupg, openssl
from tocsin.delivery import DeliverySummary, Mail, MailOutcome, MailReceipt, Sender, deliver
from tocsin.delivery.channels.file import FileChannel
from tocsin.delivery.sealing import KeyRing, OwnKeys, Seals, open_seals
from tocsin.directory import Team
from tocsin.directory.keys import KeyFormat, TeamKey, key_facts, read_key_file
from tocsin.node.node_settings import NodeSettings
from tocsin.node.records import Database, open_database, sqlite_url
from tocsin.node.settings import Settings

NOW = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)  # keys are made until then
BOXES = ("noc@isp.example", "abuse@isp.example")
SECRETS = ("192.0.2", "198.51.100", "2001:db8", "mirai", "AS64500", "64500", "Infected", "infected", "Sinkhole", ".csv")
EVENTS = events(
    {"source.ip": "192.0.2.1", "network.asn": 64500, "time.source": NOW},
    {"source.ip": "192.0.2.77", "network.asn": 64500, "time.source": NOW},
    {"source.ip": "2001:db8::7", "network.asn": 64500, "time.source": NOW},
)


@dataclass(frozen=True)
class Cast:
    """A node and a team with keys of both kinds, made once."""

    gpg: Gpg
    folder: Path
    own: OwnKeys
    pgp: TeamKey
    cert: TeamKey


@contextmanager
def made_cast(folder: Path) -> Iterator[Cast]:
    """The cast, its keys in ``folder`` and in a keyring of gpg."""
    settings = Settings(node=NodeSettings(name="CSIRT Example", contact="csirt@csirt.example"))
    database = open_database(sqlite_url(folder / "records.sqlite"))
    database.migrate()
    ring = KeyRing(folder, settings, database, "test")
    for form in KeyFormat:
        ring.make(form, years=2, now=datetime.now(UTC))
    own = open_seals(folder, settings.mail, lambda _: (), NOW).own
    assert own.openpgp is not None
    assert own.smime is not None
    (folder / "node.pem").write_text(own.smime.public, encoding="ascii")
    with gnupg() as gpg:
        gpg.run("--import", given=own.openpgp.public.encode())
        pgp = key(gpg.public(gpg.make("NOC <noc@isp.example>")))
        cert = key(certificate(folder, BOXES[0]))
        yield Cast(gpg, folder, own, pgp, cert)
    database.close()


def key(content: bytes, *, any_mailbox: bool = False, recorded: datetime = NOW, preferred: bool = False) -> TeamKey:
    ((kind, one),) = read_key_file(content).keys
    return TeamKey(UUID(int=1), 1, key_facts(kind, one), one, any_mailbox, preferred, "test", "", recorded)


def isp(*mailboxes: str, encrypt: bool = True, **given: object) -> Team:
    return replace(team(1, mailboxes=mailboxes or BOXES[:1]), encrypt=encrypt, **given)  # type: ignore[arg-type]


def sealing(cast: Cast, *keys: TeamKey, sign: KeyFormat | None = None, now: datetime = NOW, **given: object) -> Sender:
    seals = Seals(lambda _: keys, cast.own, sign, now)
    return replace(node(**given), seals=seals)  # type: ignore[arg-type]


def run(
    database: Database,
    folder: Path,
    node: Sender,
    one: Team,
    *,
    frame: pl.DataFrame = EVENTS,
    now: datetime = NOW,
    owed: bool = True,
) -> tuple[DeliverySummary, list[bytes]]:
    """One delivery by files, and all mails that are there afterwards."""
    frames = {1: frame}
    if owed:
        owe(database, {1: one}, frames, now)
    told = Told(frames)
    summary = deliver(database, teams={1: one}, events_of=told, channel=FileChannel(folder), node=node, now=now)
    return summary, [path.read_bytes() for path in sorted(folder.rglob("*.eml"))]


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def outside(mail: bytes) -> str:
    """All that a mail server can read: everything but the encrypted block."""
    return re.sub(rb"-----BEGIN PGP MESSAGE-----.*-----END PGP MESSAGE-----", b"", mail, flags=re.DOTALL).decode()


def same(one: Read, other: Read) -> None:
    """Two digests that say the same."""
    assert (one.subject, one.sender, one.to, one.message_id) == (
        other.subject,
        other.sender,
        other.to,
        other.message_id,
    )
    assert one.body.rstrip() == other.body.rstrip()
    assert one.files == other.files


def plain_digest(database: Database, folder: Path, sealed: bytes, one: Team) -> Read:
    """The same digest as an unencrypted one, with the sealed one's identity."""
    _, (mail,) = run(database, folder, node(), replace(one, encrypt=False))
    read, outer = read_mail(mail), parsed(sealed)
    return replace(read, message_id=str(outer["Message-ID"]))


def fresh(tmp_path: Path) -> Database:
    """Records of a new node; the migrations run once for all tests."""
    path = tmp_path / f"{uuid4().hex}.sqlite"
    path.write_bytes(_migrated())
    return open_database(sqlite_url(path))


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(sqlite_url(Path(folder) / "records.sqlite"))
        database.migrate()
        database.close()
        return (Path(folder) / "records.sqlite").read_bytes()


def opened_by_openssl(cast: Cast, mail: bytes, recipient: str = "team") -> bytes:
    """What is in an enveloped mail, as the holder of the key sees it once the signature was checked."""
    (cast.folder / "mail.eml").write_bytes(mail)
    holder = ["-recip", f"{recipient}.pem", "-inkey", f"{recipient}.key"]
    openssl("cms", "-decrypt", "-in", "mail.eml", *holder, "-out", "signed.eml", folder=cast.folder)
    return verified_by_openssl(cast, (cast.folder / "signed.eml").read_bytes())


def verified_by_openssl(cast: Cast, mail: bytes) -> bytes:
    (cast.folder / "signed.eml").write_bytes(mail)
    trust = ["-CAfile", "node.pem", "-purpose", "smimesign", "-signer", "signer.pem"]
    openssl("cms", "-verify", "-in", "signed.eml", *trust, "-out", "inner.eml", folder=cast.folder)
    return (cast.folder / "inner.eml").read_bytes()


def changed(mail: bytes, at: float) -> bytes:
    """The mail with one letter of its last body, a good way into it, exchanged for another."""
    place = mail.rindex(b"\r\n\r\n", 0, -100) + 4
    place += int((len(mail) - place) * at)
    while not mail[place : place + 1].isalnum():
        place += 1
    return mail[:place] + (b"A" if mail[place : place + 1] != b"A" else b"B") + mail[place + 1 :]


def signed_parts(mail: bytes) -> tuple[bytes, bytes]:
    """The very bytes that were signed, and the signature (RFC 3156, 5)."""
    boundary = parsed(mail).get_boundary()
    assert boundary is not None
    _, content, signature, _ = mail.split(f"--{boundary}".encode())
    return content.removeprefix(b"\r\n").removesuffix(b"\r\n"), signature


def pgp(cast: Cast, *given: str, user: str = "NOC <noc@isp.example>", **named: object) -> TeamKey:
    return key(cast.gpg.public(cast.gpg.make(user, *given, **named)))  # type: ignore[arg-type]


def revoked(cast: Cast) -> TeamKey:
    made = cast.gpg.make("NOC <noc@isp.example>")
    cast.gpg.run("--import", given=cast.gpg.revocation(made))
    return key(cast.gpg.public(made))


@dataclass
class Breaking:
    """A channel that takes so many mails, and then none for the moment."""

    inner: FileChannel
    after: int
    name: str = "file"
    batch: int = 1

    def send(self, mails: Sequence[Mail]) -> list[MailReceipt]:
        self.after -= 1
        if self.after < 0:
            return [MailReceipt(MailOutcome.LATER, "not now")] * len(mails)
        return self.inner.send(mails)

    def close(self) -> None:
        self.inner.close()


def many_events() -> pl.DataFrame:
    """Events that one small mail cannot hold."""
    return events(*({"source.ip": f"192.0.2.{n % 250}", "extra": f'{{"x":"{n * 7919**3}"}}'} for n in range(3_000)))
