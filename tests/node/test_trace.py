"""One id for what came of what, and lines that are one line each and hold no content."""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.node.errors import ConflictError, InputError, SettingError
from tocsin.node.log import LineFormatter, close_log, open_log
from tocsin.node.log_settings import LogSettings
from tocsin.node.sentences import join_sentences, say
from tocsin.node.trace import follow, id_in, log_line, logged, refuse, trace_id, traced, traced_uuid, unfilled


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The file of a log in JSON."""
    path = tmp_path / "log"
    open_log(LogSettings(form="json", file=str(path)))
    yield path
    close_log()


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_id_goes_with_a_uuid_and_a_message_id() -> None:
    with traced() as trace:
        uuid = traced_uuid()
        assert uuid.hex.endswith(trace.id)
        assert uuid != traced_uuid()
        assert (uuid.version, id_in(uuid)) == (4, trace.id)
        assert id_in(f"<LTR-2026-0000001.{trace.id}@csirt.example>") == trace.id
        with traced(id_in(UUID(str(uuid)))):
            assert trace_id() == trace.id
    assert trace_id() != trace.id
    assert id_in("<of-somebody@elsewhere.example>") == ""


def test_a_line_says_why_without_what_was_filled_in(log: Path) -> None:
    with traced() as trace, suppress(InputError), logged("job", name="x"):
        raise InputError(say("There is no source '%(source)s'.", source="Mme Planted"))
    [line] = lines(log)
    assert (line["event"], line["id"], line["name"]) == ("job", trace.id, "x")
    assert (line["refused"], line["why"]) == ("InputError", "There is no source '%(source)s'.")
    assert isinstance(line["ms"], float)


def test_sentences_within_a_sentence_are_said_too() -> None:
    inner = say("%(name)s is no %(kind)s, by 100%%.", name="Mme Planted", kind=say("prefix"))
    assert unfilled(join_sentences(" ", (inner, "planted"))) == "%(name)s is no prefix, by 100%. %(part1)s"
    assert unfilled("Mme Planted") == ""


def test_of_what_did_nothing_there_is_no_line(log: Path) -> None:
    with traced(), logged("job", quiet=True, name="nothing"):
        pass
    with traced(), suppress(ConflictError), logged("job", quiet=True, name="another is at it"):
        raise ConflictError("Another process is at it.")
    assert lines(log) == []
    with traced(), logged("job", quiet=True, name="more"):
        log_line("mail", state="sent")
    with traced(), suppress(OSError), logged("job", quiet=True, name="failed"):
        raise OSError("Mme Planted")
    assert [(line["event"], line.get("name")) for line in lines(log)] == [
        ("mail", None), ("job", "more"), ("job", "failed"),
    ]  # fmt: skip
    assert "Planted" not in log.read_text()


def test_the_first_reason_is_the_nearest_to_the_cause() -> None:
    trace = follow()
    refuse("strangers")
    refuse(InputError("later"))
    assert trace.refusal == {"refused": "strangers"}


def test_of_an_error_the_log_has_kind_and_place_and_not_its_words(log: Path) -> None:
    server = logging.getLogger("uvicorn.error")
    try:
        int("Mme Planted, planted@person.example")
    except ValueError:
        server.exception("Exception in ASGI application")
    server.error("The server refused: 550 <planted@person.example> is nobody.")
    failed, said = lines(log)
    assert str(failed["error"]).startswith("ValueError < test_trace.py:")
    assert said["message"] == "The server refused: 550 <(address)> is nobody."
    assert "lanted" not in log.read_text()


TEXTS = st.text() | st.integers() | st.none() | st.lists(st.text(), max_size=2)


@given(fields=st.dictionaries(st.sampled_from(["route", "state", "why"]), TEXTS), words=st.text())
def test_whatever_is_in_it_a_line_is_one_line(fields: dict[str, object], words: str) -> None:
    """OWASP ASVS 16.4.1."""
    ours = logging.LogRecord("tocsin.log", logging.INFO, "", 0, "job", (), None)
    ours.fields = fields
    theirs = logging.LogRecord("uvicorn.error", logging.ERROR, "", 0, "%s", (words,), None)
    for record in (ours, theirs):
        text = LineFormatter().format(record)
        assert text.isprintable(), text
        read = json.loads(LineFormatter(as_json=True).format(record))
        assert read["event"] in {"job", "error"}
        assert len(LineFormatter(as_json=True).format(record).splitlines()) == 1


def test_a_file_that_was_moved_away_is_made_again(log: Path) -> None:
    log_line("job", name="before")
    log.rename(log.with_suffix(".1"))
    log_line("job", name="after")
    assert [line["name"] for line in lines(log.with_suffix(".1")) + lines(log)] == ["before", "after"]


def test_off_leaves_warnings_and_errors(tmp_path: Path) -> None:
    path = tmp_path / "log"
    open_log(LogSettings(form="off", file=str(path)))
    log_line("job", name="x")
    logging.getLogger("tocsin.server.security").warning("GET /x: person:1 may not.")
    close_log()
    assert len(path.read_text().splitlines()) == 1


def test_a_log_that_cannot_be_written_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be written"):
        open_log(LogSettings(file=str(tmp_path / "none" / "log")))
