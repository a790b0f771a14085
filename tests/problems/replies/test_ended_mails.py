"""A mail whose reading is ended: it stays on its server, a person is told of it, and those after it are read."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from support import confined_examples as examples
from support.imap_server import imap_server
from support.world import make_world
from tocsin.delivery.mailbox import MailState, ReceivedMail
from tocsin.delivery.never_held import read_arriving
from tocsin.node.confined import ConfinedBusyError
from tocsin.operations.doctor import examine
from tocsin.problems.replies import file_mail, filing, open_context, read_mailbox

HOSTILE = b"From: Mallory <mallory@stranger.example>\r\nSubject: secret words\r\n\r\nhostile\r\n"
HONEST = b"From: noc@isp.example\r\nTo: csirt@example.org\r\nSubject: hello\r\n\r\nhello\r\n"


def test_it_stays_where_it_is_and_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    asked = list[bytes]()

    def read(raw: bytes, *given: object) -> object:
        asked.append(raw)
        return examples.crash() if b"hostile" in raw else read_arriving(raw, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(filing, "read_arriving", read)
    with imap_server() as imap:
        world = make_world(
            tmp_path / "node",
            f'[mailbox]\naddress = "csirt@example.org"\nhost = "127.0.0.1"\nport = {imap.port}\nsecurity = "none"\n'
            f'user = "csirt"\npassword_file = "{password}"\n',
        )
        desk = open_context(world.node, world.node.store)
        imap.put(HOSTILE, HONEST)
        first = read_mailbox(desk, now=lambda: world.now)
        again = read_mailbox(desk, now=lambda: world.now)
        left = imap.mails()
    assert (first.mails, again.mails, len(asked)) == (2, 0, 2)
    assert [b"hostile" in one for one in left] == [True]
    with world.node.database.reading() as session:
        rows = {row.sender: row for row in session.scalars(select(ReceivedMail))}
    told = rows["Mallory <mallory@stranger.example>"]
    assert (told.state, told.size, told.subject) == (MailState.WAITING, len(left[0]), "")
    assert "stays on the mail server" in told.why
    assert told.sha256 not in world.node.mailroom
    assert rows["noc@isp.example"].sha256 in world.node.mailroom
    missing = [str(one) for one in examine(tmp_path / "node", datetime.now(UTC)) if told.sha256 in str(one)]
    assert missing == []


@pytest.mark.parametrize("fails", [examples.crash, examples.stumble])
def test_a_dry_run_says_it_and_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Callable[[], None]
) -> None:
    world = make_world(tmp_path)
    desk = open_context(world.node, world.node.store)
    monkeypatch.setattr(filing, "read_arriving", lambda *_: fails())
    done = file_mail(desk, HOSTILE, now=world.now, dry_run=True)
    assert (done.stays, done.number, done.decision.state) == (True, None, MailState.WAITING)
    with world.node.database.reading() as session:
        assert session.scalar(select(ReceivedMail)) is None


def test_where_nothing_can_be_read_now_it_comes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world(tmp_path)
    desk = open_context(world.node, world.node.store)

    def busy(*_: object) -> None:
        raise ConfinedBusyError("Too much is being read at once.")

    with monkeypatch.context() as patched:
        patched.setattr(filing, "read_arriving", busy)
        with pytest.raises(ConfinedBusyError):
            file_mail(desk, HONEST, now=world.now)
    assert file_mail(desk, HONEST, now=world.now).number is not None
