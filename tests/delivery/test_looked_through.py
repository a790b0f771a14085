"""What strangers send is looked through for what must never be held in a process of its own, whatever its size."""

import base64
import gzip
import zipfile
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from random import Random
from threading import enumerate as enumerate_threads

import pytest

from support.never_held_forms import files_with_traces, forms
from support.processor_time import LITTLE, work
from support.world import World, make_world
from tocsin.delivery.never_held import IntakeFilter, list_references
from tocsin.incidents.arrivals.files import kept_file
from tocsin.incidents.evidence.files import keep_file
from tocsin.node.errors import InputError
from tocsin.pipeline.uploads import arrive

MEGABYTE = 0.02  # and for each megabyte that is kept
FILE = 0.001  # and for each file that is kept: a folder, a file, two syncs
SHORT = 16_384
MARKED = b'Category: csam, [ { "a": "b" } ]\n'
"""What the filter stays at for long: six seconds a megabyte."""


def zipped(content: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("report.txt", content)
    return out.getvalue()


def filled(line: bytes, size: int = SHORT) -> bytes:
    return (line * (size // len(line) + 1))[:size]


ENCODED = base64.b64encode(Random(1).randbytes(SHORT))
HOSTILE = {
    "marked lines": filled(MARKED),
    "a mail of marked parts": b"From: a@b.example\r\nTo: c\r\nSubject: x\r\n\r\n" + filled(MARKED, 16_000),
    "packed": zipped(b"\0" * 15_000_000),
    "packed twice": zipped(zipped(filled(b"a b\n", 60_000_000))),
    "packed by gzip": gzip.compress(b" " * 15_000_000),
    "encoded twice": base64.b64encode(ENCODED)[:SHORT],
    "packed in a text": b"see " + base64.b64encode(gzip.compress(b" " * 10_000_000)),
    "escaped": filled(b"\\u0063\\u0073\\u0061"),
    "escaped quotes": filled(b'\\"'),
    "entities": filled(b"&#99;&#115;&#97;"),
    "begun objects": filled(b'{"a":['),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("looked-through"))


@pytest.mark.parametrize("form", HOSTILE)
def test_short_bytes_take_little_time_of_the_process_that_answers(world: World, form: str) -> None:
    intake = IntakeFilter(world.node, "upload", lambda: world.now)
    intake.kept(HOSTILE[form])  # now all is loaded
    assert len(HOSTILE[form]) <= SHORT
    assert work(lambda: intake.kept(HOSTILE[form])) <= LITTLE


@pytest.mark.parametrize("megabytes", [0.1, 1, 4])
def test_a_file_of_evidence_takes_little_time_of_the_process_that_answers(world: World, megabytes: float) -> None:
    content = filled(b"GET /csam HTTP/1.1\n", 100_000) + filled(b"GET / HTTP/1.1\n", int(megabytes * 1_000_000))

    def keep() -> None:
        assert keep_file(world.node, BytesIO(content), world.now).size == len(content)

    keep()
    assert work(keep) <= LITTLE + megabytes * MEGABYTE


MAILS = {
    "marked cells": b"Content-Type: text/html\r\n\r\n" + filled(b"<td>child sexual abuse material", 5_000_000),
    "parts": b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    + filled(b"--x\r\nContent-Type: text/plain\r\n\r\na\r\n", 5_000_000),
}


@pytest.mark.parametrize("form", MAILS)
def test_a_mail_sent_as_a_file_takes_little_time_of_the_process_that_answers(world: World, form: str) -> None:
    intake, mail = IntakeFilter(world.node, "inbox", lambda: world.now), b"From: a@b.example\r\n" + MAILS[form]

    def keep() -> None:
        with suppress(InputError):  # it took too long to look through
            kept_file("mail.eml", mail, intake)

    keep()
    assert work(keep) <= LITTLE + 20 * MEGABYTE  # five seconds before it was looked through elsewhere


def send(world: World, *contents: bytes) -> None:
    with arrive(world.node) as arrival:
        for number, content in enumerate(contents):
            with arrival.file(f"{number}.report") as writing:
                writing.write(content)
        assert [one["size"] for one in arrival.files] == [len(one) for one in contents]


@pytest.mark.parametrize("form", HOSTILE)
def test_a_report_that_is_sent_in_takes_little_time_of_the_process_that_answers(world: World, form: str) -> None:
    send(world, HOSTILE[form])
    assert work(lambda: send(world, HOSTILE[form])) <= 2 * LITTLE


def test_many_reports_and_a_large_one_take_little_time_of_the_process_that_answers(world: World) -> None:
    many, large = [HOSTILE["marked lines"][:200]] * 50, filled(b"GET / HTTP/1.1\n", 4_000_000)
    assert work(lambda: send(world, *many)) <= LITTLE + 50 * FILE
    assert work(lambda: send(world, large)) <= LITTLE + 4 * MEGABYTE


@pytest.mark.parametrize("sizes", [(0, 1, 70_000), (1_048_575, 1_048_577, 3_000_001), (5,) * 40])
def test_what_passes_is_what_was_sent(world: World, sizes: tuple[int, ...]) -> None:
    contents = [b"a,b\n" * (size // 4) + b"c" * (size % 4) for size in sizes]
    with arrive(world.node) as arrival:
        for number, content in enumerate(contents):
            with arrival.file(f"{number}.csv", packed=bool(number % 2)) as writing:
                for part in _pieces(gzip.compress(content) if number % 2 else content):
                    writing.write(part)
        kept = [(arrival.folder / str(place) / f"{place}.csv").read_bytes() for place in range(len(sizes))]
        assert [one["sha256"] for one in arrival.files] == [sha256(content).hexdigest() for content in contents]
    assert kept == contents


def _pieces(content: bytes) -> list[bytes]:
    return [content[at : at + 300_007] for at in range(0, len(content), 300_007)]


def test_a_sender_who_goes_away_leaves_no_process(world: World) -> None:
    with arrive(world.node) as arrival, suppress(KeyError), arrival.file("a.csv") as writing:
        writing.write(b"a,b\n" * 1_000)
        raise KeyError
    for thread in [one for one in enumerate_threads() if one.name == "passage"]:
        thread.join(60)
        assert not thread.is_alive()


def test_of_a_large_file_nothing_is_kept_and_a_reference_is_noted(world: World) -> None:
    form = forms(1, seed=5)[0]
    with pytest.raises(InputError, match="Only a part"):
        keep_file(world.node, BytesIO(form.data + b"\n" + b" " * 3_000_000), world.now)
    assert not files_with_traces(world.node.home)
    with world.node.database.reading() as session:
        assert list_references(session)
