"""What rooms say is said on pages in the visitor's language: a throw-away language marks all that is translated."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from babel.messages.pofile import read_po, write_po

from support.page_checks import Gallery, gallery
from support.ports import NO_TLS
from support.world import World, copy_world, text_of
from tocsin.interface.authorization import form_word
from tocsin.node.accounts import AccountRole, read_session
from tocsin.node.sentences import CONTEXT
from tocsin.node.tokens import open_tokens
from tocsin.server.pages.catalogues import FILE, source, update
from tocsin.server.security import COOKIE

LANGUAGE = "sw"
_MARKED = re.compile(r"«[^«»]*»")


def mark_everything(home: Path) -> None:
    """A catalogue that says each text as it is in English, between marks."""
    path = home / "locale" / LANGUAGE / FILE
    update(path, LANGUAGE)
    with path.open("rb") as file:
        catalogue = read_po(file, locale=LANGUAGE)
    for message in catalogue:
        if message.id:
            forms = [message.id] if isinstance(message.id, str) else message.id
            marked = tuple(f"«{form}»" for form in forms)
            message.string = marked[0] if isinstance(message.id, str) else marked
    with path.open("wb") as file:
        write_po(file, catalogue)


@pytest.fixture(scope="module")
def world(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    world = copy_world(fresh, tmp_path_factory.mktemp("said"))
    mark_everything(world.node.home)
    return world


@pytest.fixture(scope="module")
def made(world: World) -> Iterator[Gallery]:
    with world.open, gallery(world) as made:
        yield made


def client(made: Gallery, role: AccountRole) -> httpx.Client:
    cookies = {COOKIE: made.secrets[role]} if role in made.secrets else {}
    return httpx.Client(base_url=made.address, cookies=cookies, trust_env=False, verify=NO_TLS, timeout=60)


def said(made: Gallery, role: AccountRole, path: str) -> str:
    with client(made, role) as browser:
        joint = "&" if "?" in path else "?"
        return text_of(browser.get(f"{path}{joint}language={LANGUAGE}"))


def unmarked(text: str) -> str:
    """What stands in no mark; marks may stand in marks."""
    while _MARKED.search(text):
        text = _MARKED.sub(" ", text)
    return text


def english() -> list[str]:
    """What sentences say whatever fills them in: of those with values, each piece that is long enough to be known."""
    texts = {
        form for one in source() if one.context == CONTEXT for form in ([one.id] if isinstance(one.id, str) else one.id)
    }
    whole = {text for text in texts if "%" not in text and text.count(" ") > 1}
    pieces = {piece.strip() for text in texts - whole for piece in re.split(r"%\(\w+\)s", text)}
    return sorted(whole | {piece for piece in pieces if "%" not in piece and piece.count(" ") > 3})


def test_no_page_shows_a_sentence_of_a_room_in_english(made: Gallery) -> None:
    sentences = english()
    left = {}
    for page in made.pages:
        text = unmarked(said(made, page.role, page.path))
        there = [sentence for sentence in sentences if sentence in text]
        if found := [one for one in there if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text)]:
            left[page.path] = found
    assert left == {}


@pytest.mark.parametrize(
    ("role", "path", "wanted"),
    [
        (AccountRole.ANALYST, "/reports/quarantine", "«No usable address, network, AS, domain or URL in it.»"),
        (AccountRole.ANALYST, "/reports/2", "«No usable address, network, AS, domain or URL in it.»"),
        (AccountRole.ANALYST, "/reports/quarantine/2/0", "«No usable address, network, AS, domain or URL in it.»"),
        (AccountRole.ANALYST, "/today/withheld", "«The team wants nothing marked as high as this.»"),
        (AccountRole.ANALYST, "/events?severity=medium", "«Severity»: «medium»"),
        (AccountRole.ANALYST, "/rules", "«TLP:CLEAR may go to anyone.»"),
        (AccountRole.ANALYST, "/rules", "«public», «technical»"),
        (AccountRole.ADMINISTRATOR, "/admin", "«disk»"),
        (AccountRole.ADMINISTRATOR, "/admin", "GB free»"),
        (AccountRole.ADMINISTRATOR, "/admin", "«sending» «OK» «nothing keeps mails from their teams»"),
    ],
)
def test_known_places_say_it_in_the_visitors_language(made: Gallery, role: AccountRole, path: str, wanted: str) -> None:
    assert wanted in said(made, role, path)


def send(made: Gallery, world: World, who: AccountRole, path: str, **fields: str) -> str:
    """What a page answers to a form, in the language that is marked."""
    visitor = read_session(world.node.database, made.secrets[who], now=world.now)
    csrf = form_word(open_tokens(world.node.home), visitor)
    with client(made, who) as browser:
        return text_of(browser.post(f"{path}?language={LANGUAGE}", data={"csrf": csrf, **fields}))


def test_what_cannot_be_done_is_said_in_the_visitors_language_with_what_was_typed(made: Gallery, world: World) -> None:
    hostile = "<b>%(name)s</b> %s"
    failed = send(
        made, world, AccountRole.ADMINISTRATOR, "/admin/feeds/cadence", feed="shadowserver/scan_rdp", hours="often"
    )
    assert "«How often a feed comes is a number of hours.» «0: when it likes.»" in failed
    sent = re.search(r"/deliveries/(TOC-\S+)", " ".join(page.path for page in made.pages))
    assert sent is not None
    act = send(made, world, AccountRole.ANALYST, "/deliveries/act", act="release", reference=sent[1])
    assert f"«{sent[1]} is not held: it is sent.»" in act
    say = {"act": "assert", "reason": "They said so."}
    claim = send(made, world, AccountRole.ANALYST, "/teams/operator/say", kind="asn", value="0", **say)
    assert "«AS0 is nobody's: it is reserved (RFC 7607)»" in claim
    domain = send(made, world, AccountRole.ANALYST, "/teams/operator/say", kind="domain", value=hostile, **say)
    assert f"domain '{hostile}': «not a domain name»" in domain
    stop = send(made, world, AccountRole.ANALYST, "/deliveries/sending", act="resume")
    assert "«Sending is not stopped.»" in stop
    word = send(made, world, AccountRole.ANALYST, "/reports/quarantine/2/0", text="", act="try")
    assert "«The text of the row is empty.» «Dismiss the row instead; it stays on record.»" in word


def test_nobodys_words_but_ours_are_translated(made: Gallery, world: World) -> None:
    reason = "Nothing was sent."
    send(made, world, AccountRole.ANALYST, "/deliveries/sending", act="stop", reason=reason)
    page = said(made, AccountRole.ANALYST, "/deliveries/sending")
    send(made, world, AccountRole.ANALYST, "/deliveries/sending", act="resume")
    assert f"«Reason» {reason}" in page
