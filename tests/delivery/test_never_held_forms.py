"""Reports of what must never be held, in every form, at every door; and what only mentions them passes as it came."""

import gzip
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from docs.test_intake import ALSO, DOORS
from support.never_held_forms import KINDS, PATH, ReportForm, all_forms, files_with_traces, forms, traces_in
from support.ordinary_mentions import ordinary
from support.world import World, make_world
from tocsin.cli.acts import every_act
from tocsin.delivery.mailbox import html_text
from tocsin.delivery.never_held import IntakeFilter, MailFilter
from tocsin.delivery.never_held.act_filter import passed, place_of
from tocsin.events.redaction import ClassTable, Redaction, redacted_bytes, scan_file
from tocsin.events.sources.mapped.mapping import FORMATS
from tocsin.exchange.formats.registry import format_names
from tocsin.exchange.ledger.taking import _wrong_contents
from tocsin.exchange.protocols.offers import check_offer
from tocsin.exchange.protocols.tokens import AccessProtocol
from tocsin.incidents.arrivals.files import kept_file
from tocsin.incidents.evidence.files import keep_file
from tocsin.incidents.moving.importing import Importer, ImportOptions
from tocsin.incidents.moving.mails import _kept
from tocsin.interface import Act, ActContext
from tocsin.node.errors import InputError, TocsinError
from tocsin.pipeline.collectors.folder import take_in_folder
from tocsin.pipeline.collectors.spool import Spool
from tocsin.pipeline.comparison import compare
from tocsin.pipeline.feed_trial import try_feed
from tocsin.pipeline.ingest import ingest
from tocsin.pipeline.uploads.arrival import arrive
from tocsin.problems.replies import file_mail, open_context

WHOLE = bool(os.environ.get("TOCSIN_WHOLE"))
FORMS = list(all_forms()) if WHOLE else forms(240)
Send = Callable[[World, bytes, Path], Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("never-held"))


def kept(data: bytes) -> tuple[bytes, Redaction]:
    redaction = Redaction(mails=MailFilter())
    return redacted_bytes(data, redaction), redaction


REPORT = b'{"type": "csam", "url": "http://pictures.example/1", "report_id": "77"}'
OTHER = b'{"type": "scan", "url": "http://other.example/1"}'


def zipped(named: bytes, unnamed: bytes = b"", how: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    """A zip file; ``unnamed``: a member that is in it and not in its list."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", how) as archive:
        if unnamed:
            archive.writestr("unnamed.json", unnamed)
            archive.filelist.clear()
        archive.writestr("named.json", named)
        archive.comment = comment
    return packed.getvalue()


BESIDE = {
    "a text behind gzip": gzip.compress(OTHER) + REPORT,
    "gzip behind words behind gzip": gzip.compress(OTHER) + b"words" + gzip.compress(REPORT),
    "a name in gzip": b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + REPORT + b"\0" + gzip.compress(OTHER)[10:],
    "a text behind a zip file": zipped(OTHER) + REPORT,
    "the comment of a zip file": zipped(OTHER, comment=REPORT),
    "a zip file before another": zipped(REPORT) + zipped(OTHER),
    "a member that is not listed": zipped(OTHER, REPORT),
    "a stored member that is not listed": zipped(OTHER, REPORT, zipfile.ZIP_STORED),
    "a zip file behind words": b"words\n" + zipped(REPORT),
    "a zip file behind lines": b"\n\n" + zipped(REPORT),
    "gzip behind lines": b"\n\n" + gzip.compress(REPORT),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_stands_beside_the_members_of_a_packed_file_is_looked_through(name: str) -> None:
    left, redaction = kept(BESIDE[name])
    assert redaction.found
    assert b"pictures.example" not in left
    for data in (zipped(OTHER, OTHER), zipped(OTHER) + OTHER, gzip.compress(OTHER) + b"words" + gzip.compress(OTHER)):
        assert kept(data)[0] == data


@pytest.mark.parametrize("part", range(8))
def test_of_a_report_in_whatever_form_nothing_is_left(part: int) -> None:
    every = list(all_forms())
    for form in every[part::8] if WHOLE else forms(240, seed=2)[part::8]:
        left, redaction = kept(form.data)
        assert redaction.found, form
        assert {found.class_name for found in redaction.found} <= {"csam", "csem"}, form
        assert not traces_in(left), form


_INLINE = ("b", "i", "em", "span style='color: red'", "a href='https://other.example/?a=b'", "font", "custom-word", "u")
_NOTHING = (
    "",
    "<wbr>",
    "<wbr/>",
    "<!-- words -->",
    "<?words words?>",
    "&#8203;",
    "&shy;",
    "<b></b>",
    "<style>b {}</style>",
)
_READ_AS = {
    "csv": "CSV", "json": "n6", "lines": "lines", "keyvalue": "name=value", "html": "HTML table", "xml": "XML",
    "stix": "STIX labels", "stix-pattern": "lines",
    "misp": "MISP object", "idea": "IDEA", "xarf": "X-ARF 4", "iodef": "XML", "csaf": "JSON table",
}  # fmt: skip
"""A form of each format that is read as a feed or from a partner."""


@st.composite
def _divided(draw: st.DrawFn) -> str:
    """A name of a class of which each letter may stand in elements, with what does not show between them."""
    written = ""
    for letter in draw(st.sampled_from(["csam", "CSEM", "child abuse"])):
        tags = draw(st.lists(st.sampled_from(_INLINE), max_size=2))
        opened = "".join(f"<{tag}>" for tag in tags)
        closed = "".join(f"</{tag.partition(' ')[0]}>" for tag in reversed(tags))
        written += opened + letter + closed + draw(st.sampled_from(_NOTHING))
    return written


def test_a_form_of_each_format_is_asked() -> None:
    assert _READ_AS.keys() >= {*FORMATS, *format_names()}
    assert {*_READ_AS.values()} <= KINDS.keys()


@pytest.mark.parametrize("container", sorted({*_READ_AS.values()}))
@settings(max_examples=400 if WHOLE else 40, deadline=None, derandomize=not WHOLE)
@given(kind=_divided(), place=st.sampled_from(["alone", "mail", "mail in HTML", "attached as bytes", "gzip"]))
def test_a_name_that_markup_divides_is_found_in_each_format(container: str, place: str, kind: str) -> None:
    left, redaction = kept(ReportForm(container, place, "plain").written(kind))
    assert redaction.found
    assert not traces_in(left)


BLOCKS = (
    b"<table><tr><td>cs</td><td>am</td><td>https://a.example/1</td></tr></table>",
    b"<ul><li>Type: child<li>Abuse: https://a.example/1</ul>",
    b"<x><type><c>child</c><c>abuse</c></type><url>https://a.example/1</url></x>",
)


@pytest.mark.parametrize("data", BLOCKS)
def test_what_stands_in_blocks_beside_each_other_is_no_name(data: bytes) -> None:
    assert kept(data)[0] == data


TABLES = (
    b"<html><table>\n<tr>\n<td>1</td>\n<td>\n CSAM\n</td>\n<td>https://a.example/1</td>\n</tr>\n</table></html>",
    b"<table><tr><td>1<td>CSAM<td>https://a.example/1<tr><td>2<td>spam<td>https://b.example/1</table>",
)


@pytest.mark.parametrize("data", TABLES)
def test_rows_of_a_table_are_found_however_its_lines_and_tags_end(data: bytes) -> None:
    assert b"https://a.example" not in kept(data)[0]


def test_a_reference_of_thousands_of_digits_is_read() -> None:
    lines = b"<p>Type: csam<br>Url: https://a.example/1<br>"
    for digits in (b"&#" + b"0" * 5_000 + b"65;", b"&#" + b"1" * 5_000 + b";", b"&#x" + b"1" * 5_000 + b";"):
        assert kept(lines + digits)[1].found
        assert html_text((b"<p>a " + digits).decode()) in {"a A", "a \ufffd"}


@pytest.mark.parametrize("size", [1, 977, 1 << 20])
def test_in_whatever_pieces_it_comes(size: int) -> None:
    for form in forms(24 if size == 1 else 80, seed=size):
        data, redaction = form.data, Redaction(mails=MailFilter())
        pieces = [redaction.take(data[at : at + size]) for at in range(0, len(data), size)]
        assert not traces_in(b"".join(pieces) + redaction.end()), form
        assert redaction.found, form


def test_only_a_text_without_a_mark_is_passed_without_being_unpacked() -> None:
    mail = b"From: a@r.example\nTo: b@r.example\nSubject: 1\nMIME-Version: 1.0\n\nwords\n"
    others = {"mail": mail, "gzip": gzip.compress(OTHER), "zip": zipped(OTHER), "UTF-16": "words".encode("utf-16")}
    redaction = Redaction(mails=MailFilter())
    assert redaction.is_plain(b"words\n")
    assert not [name for name, data in {**others, "a mark": REPORT}.items() if redaction.is_plain(data)]


def test_ordinary_files_that_mention_it_pass_as_they_came() -> None:
    for name, data in ordinary(10_000 if WHOLE else 500):
        left, redaction = kept(data)
        assert (redaction.found, redaction.withheld, left == data) == ([], 0, True), name


def test_files_of_others_pass_but_those_that_are_such_reports(shared_data: Path) -> None:
    found, withheld = set(), set()
    for path in sorted(one for one in shared_data.rglob("*") if one.is_file()):
        redaction = Redaction(mails=MailFilter())
        scan_file(path, redaction)
        found |= {path.name} if redaction.found else set()
        withheld |= {path.parts[len(shared_data.parts)]} if redaction.changed else set()
    assert found <= {"content-csam.json", "content-csem.json"}  # schemas whose example is a whole report
    assert withheld <= {"xarf"}  # of evidence in X-ARF text stays


def test_a_large_table_is_looked_through_to_its_end() -> None:
    row = '"2026-11-23T10:30:00Z","192.0.2.{0}","spam","https://a.example/{0}","docs amazon"\n'
    rows = "".join(row.format(number % 250) for number in range(12_000))
    bad = f'"2026-11-23T10:30:00Z","192.0.2.1","CSAM","https://files.example/{PATH}","x"\n'
    for place in (0, len(rows) // 2, len(rows)):
        at = rows.rfind("\n", 0, place) + 1
        data, redaction = (rows[:at] + bad + rows[at:]).encode(), Redaction(mails=MailFilter())
        blocks = [redaction.take(data[begin : begin + 300_000]) for begin in range(0, len(data), 300_000)]
        left = b"".join(blocks) + redaction.end()
        assert (len(redaction.found), traces_in(left)) == (1, False)
        assert left.count(b"\n") == rows.count("\n") + 1
        assert len(left) > len(rows)


def _in_file(send: Callable[[World, Path], Any]) -> Send:
    def sent(world: World, data: bytes, folder: Path) -> Any:
        path = folder / "report.dat"
        path.write_bytes(data)
        return send(world, path)

    return sent


def _upload(world: World, data: bytes, _folder: Path) -> None:
    with arrive(world.node) as arrival:
        with arrival.file("report.dat") as out:
            out.write(data)
        arrival.keep(source="", feed="", actor="person:1", now=world.now)


def _watched(world: World, data: bytes, folder: Path) -> None:
    inbox = world.node.home / "incoming"
    inbox.mkdir(exist_ok=True)
    (inbox / "report.dat").write_bytes(data)
    os.utime(inbox / "report.dat", (0, 0))
    list(take_in_folder(world.node, inbox, clock=lambda: world.now))
    del folder


def _refused(send: Callable[[], Any]) -> None:
    with pytest.raises(InputError):
        send()


def _filter(way: str) -> Send:
    return lambda world, data, _folder: IntakeFilter(world.node, way).kept(data)[0]


def _words(way: str) -> Send:
    def sent(world: World, data: bytes, _folder: Path) -> str:
        return IntakeFilter(world.node, way).kept_text(data.decode("utf-8", "replace"))

    return sent


def _dispatch(world: World, data: bytes, _folder: Path) -> None:
    context = ActContext(world.node, world.now, "exchange")
    assert _wrong_contents(context, {"part": data, "other": b"harmless"}) is not None


_FILE = "pipeline/collectors/spool.py:keep"
DRIVEN: dict[str, Send] = {
    "pipeline/parse.py:passing": _in_file(lambda world, path: ingest(world.node, [path], clock=lambda: world.now)),
    "pipeline/uploads/arrival.py:files": _upload,
    _FILE: lambda world, data, _: Spool(
        world.node.home / "collected" / "x", IntakeFilter(world.node, "collector x")
    ).keep("report.dat", [data[:100], data[100:]]),
    "incidents/moving/mails.py:_kept": lambda world, data, _: (
        _kept(Importer(world.node, ImportOptions("tag"), "ana", world.now), 0, 0, data).raw
    ),
    "problems/replies/filing.py:file_mail": lambda world, data, _: file_mail(
        open_context(world.node, world.node.store), data, now=world.now
    ),
    "exchange/protocols/offers.py:check_offer": lambda world, data, _: _refused(
        lambda: check_offer(world.node, AccessProtocol.TAXII, data, world.now)
    ),
    "incidents/evidence/files.py:keep_file": lambda world, data, _: _refused(
        lambda: keep_file(world.node, BytesIO(data), world.now)
    ),
    "server/pages/public/report_forms.py:passed": lambda world, data, _: kept_file(
        "a.txt", data, IntakeFilter(world.node, "public form")
    ),
    "server/pages/public/report_pages.py:_read": _words("public form"),
    "exchange/ledger/taking.py:_wrong_contents": _dispatch,
    "problems/answers/by_team.py:answer_problems": _words("answer link"),
    "watch": _watched,
    "pipeline/comparison.py:_batches": _in_file(lambda world, path: compare(world.node, [path], now=world.now)),
    "pipeline/feed_trial.py:try_feed": _in_file(lambda world, path: try_feed(world.node, path, None, None, world.now)),
    "pipeline/replay.py:replay": _filter("quarantine edit"),
    "server/pages/context.py:kept": _filter("drafting"),
    "incidents/arrivals/files.py:kept_file": lambda world, data, _: kept_file(
        "a.eml", data, IntakeFilter(world.node, "inbox phone")
    ),
}
"""What sends bytes by each door; that of `docs.test_intake` by the function that lets them pass."""


def test_each_door_is_asked() -> None:
    assert set(DOORS.values()) <= DRIVEN.keys(), "Name how a form is sent by the new door, in DRIVEN."
    assert {one for one in DRIVEN if one != "watch"} <= {
        *DOORS.values(),
        *ALSO,
        "incidents/arrivals/files.py:kept_file",
    }


@pytest.mark.parametrize("door", DRIVEN)
def test_at_each_door_nothing_of_any_form_comes_in(world: World, tmp_path: Path, door: str) -> None:
    every = FORMS if WHOLE else forms(24, seed=len(door))
    for form in every:
        data = form.data
        if _is_of_mails(door) and not form.place.startswith(_MAILED):
            continue
        if DRIVEN[door].__qualname__.startswith("_words") and _is_packed(data):
            continue
        with suppress(TocsinError):
            left = DRIVEN[door](world, data, tmp_path)
            said = left.encode() if isinstance(left, str) else left
            assert not (isinstance(said, bytes) and traces_in(said)), form
    assert files_with_traces(world.node.home) == [], door


_MAILED = ("mail", "attached", "behind the last", "before the first", "in a header", "in words")


def _is_typed(data: bytes) -> bool:
    return len(data) < 10_000 and not _is_packed(data)


def _is_packed(data: bytes) -> bool:
    """Whether it is nothing that a field of a form can hold."""
    return b"\0" in data or data.startswith((b"PK", b"\x1f\x8b"))


def _is_of_mails(door: str) -> bool:
    return door.endswith((":file_mail", "mails.py:_kept"))


def _probe(act: Act) -> tuple[Act, list[BaseModel]]:
    given: list[BaseModel] = []

    def keep(_context: ActContext, request: BaseModel) -> None:
        given.append(request)

    keep.__module__ = act.function.__module__
    return replace(act, function=keep), given


def _request(act: Act, name: str, text: str) -> BaseModel:
    """A request that says nothing else."""
    values: dict[str, Any] = {**dict.fromkeys(act.request.model_fields), name: text}
    return act.request.model_construct(None, **values)


def _texts(act: Act) -> Iterator[str]:
    for name, field in act.request.model_fields.items():
        if field.annotation is str:
            yield name


def test_what_is_typed_into_any_act_passes_the_filter(world: World) -> None:
    asked, reached, chosen = 0, 0, [form for form in forms(80, seed=5) if _is_typed(form.data)]
    context = ActContext(world.node, world.now, "person:1")
    for act in every_act():
        probe, given = _probe(act)
        texts = list(_texts(act))
        for name in texts if WHOLE else texts[asked % max(1, len(texts)) :][:1]:
            form = chosen[asked % len(chosen)]
            request = _request(act, name, form.data.decode("utf-8", "replace"))
            with suppress(InputError):
                probe.perform(context, request)
            asked, reached = asked + 1, reached + bool(given)
            assert not any(traces_in(str(getattr(one, name)).encode()) for one in given), (act.operation, name, form)
    assert asked > 150
    assert reached > asked / 2  # others are refused, since what is left is no value of the field
    assert files_with_traces(world.node.home) == []
    assert {one.split()[0] for one in map(place_of, every_act())} >= {"incidents", "assets", "comments"}


def test_what_mentions_it_is_typed_as_it_was(world: World) -> None:
    context = ActContext(world.node, world.now, "person:1")
    acts = [one for one in every_act() if any(_texts(one))]
    for (name, data), act in zip(ordinary(200, seed=9), acts * 3, strict=False):
        text = data.decode("utf-8", "replace")
        request = _request(act, next(_texts(act)), text)
        assert passed(act, context, request) is request, (name, act.operation)


def test_a_class_of_the_node_is_found_in_every_form_too() -> None:
    own = ClassTable({"terror": ["terrorist_content"]})
    for form in forms(40, seed=11):
        if form.disguise not in {"plain", "capitals"} or form.container in {"IDEA", "free category"}:
            continue
        data = ReportForm(form.container, "indented", "plain").data.replace(b"csam", b"terrorist content")
        redaction = Redaction(own, mails=MailFilter())
        left = redacted_bytes(data, redaction)
        if b"terrorist" in data:
            assert [found.class_name for found in redaction.found][:1] == ["terror"], form
            assert not traces_in(left), form
