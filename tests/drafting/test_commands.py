"""A negotiation by commands: from a compilation to the next draft, offline and back, and out in every form."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tocsin.drafting.commands.drafting import app
from tocsin.drafting.plaintext import read_compilation
from tocsin.interface.output import Invocation
from tocsin.node.errors import ConflictError, InputError, NotFoundError, UsageError, WithheldError

Run = Callable[..., Any]
SOURCE = """A text

1.\tPillars
a) Share warnings [early] with everybody.\tComment by Author: BE: merge with pillar b)

· Aland, Government: Share warnings with everybody.

· Beland, Government: Share warnings [early] with everybody.\tComment by Author: BE: <script>alert(1)</script>

b) Keep logs for a year.

· Aland, Government: Keep logs for a month.
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run one command and give back its JSON document; errors come out as they are."""

    def call(*words: object, home: str = "home", as_json: bool = True) -> Any:
        invocation = Invocation(home=tmp_path / home, json=as_json)
        result = CliRunner().invoke(app, [str(word) for word in words], obj=invocation)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if as_json else result.stdout

    return call


@pytest.fixture
def text(run: Run, tmp_path: Path) -> Run:
    (tmp_path / "pillars.txt").write_text(SOURCE, encoding="utf-8")
    run("import", tmp_path / "pillars.txt")
    return run


@pytest.fixture
def chaired(text: Run, tmp_path: Path) -> Path:
    key = tmp_path / "chair.pem"
    text("key", key)
    text("chair", "pillars", "--name", "The Chair", "--key", key)
    return key


def test_import_prints_the_record(run: Run, shared_data: Path) -> None:
    document = run("import", shared_data / "drafting" / "wsis10-c5.txt")
    assert list(document) == ["provisions", "entries", "comments", "brackets", "warnings"]
    assert [set(document[part][0]) for part in ("provisions", "entries", "comments")] == [
        {"id", "label", "kind", "base", "lines"},
        {"line", "provision", "stakeholder", "organisations", "role", "class", "text", "comments"},
        {"line", "author", "provision", "entry", "text"},
    ]
    assert (len(document["entries"]), len(document["comments"])) == (92, 19)
    assert (document["brackets"]["open"], document["brackets"]["close"]) == (24, 25)
    assert [one["name"] for one in run("list")] == ["wsis10-c5"]


def test_a_proposal_shows_its_difference_and_is_on_record(text: Run) -> None:
    words = "Keep logs for a week."
    pieces = text("propose", "pillars", "P.b", "-s", "Celand", "--text", words, "--dry-run")
    assert [(p["change"], p["text"].strip()) for p in pieces] == [
        ("keep", "Keep logs for a"), ("delete", "year"), ("insert", "week"), ("keep", "."),
    ]  # fmt: skip
    assert len(text("log", "pillars")) == 1
    made = text("propose", "pillars", "P.b", "-s", "Celand", "--group", "Government", "--text", words)[0]["id"]
    found = next(e for e in text("show", "pillars", "P.b")["entries"] if e["id"] == made)
    assert (found["stakeholder"], found["role"], found["text"]) == ("Celand", "Government", words)


def test_agreement_tells_stable_contested_and_unknown_apart(text: Run) -> None:
    def standings() -> dict[str, str]:
        return {row["provision"]: row["standing"] for row in text("agreement", "pillars")["provisions"]}

    assert standings() == {"P.a": "contested", "P.b": "contested"}
    text("new", "pillars", "P", "-s", "Aland", "--label", "c", "--text", "Train.")
    text("position", "pillars", "P.c", "support", "-s", "Aland")
    text("position", "pillars", "P.c", "support", "-s", "Beland")
    assert standings()["P.c"] == "stable"
    text("position", "pillars", "P.c", "reserve", "-s", "Beland", "--reason", "to ask the capital")
    assert standings()["P.c"] == "contested"


def test_an_inference_is_confirmed_or_corrected_on_record(text: Run) -> None:
    amends = next(p for p in text("show", "pillars", "P.b")["positions"] if p["stakeholder"] == "Aland")
    assert (amends["kind"], amends["inferred"], amends["confirmed"]) == ("amend", True, False)
    text("confirm", "pillars", amends["id"], "--by", "Aland")
    text("correct", "pillars", amends["id"], "--kind", "oppose", "--reason", "by letter", "--by", "secretariat")
    after = next(p for p in text("show", "pillars", "P.b")["positions"] if p["id"] == amends["id"])
    assert (after["kind"], after["inferred"], after["basis"]) == ("oppose", False, "by letter")
    assert [(s["act"], s["actor"]) for s in text("log", "pillars")][1:] == [
        ("confirm", "Aland"), ("correct-position", "secretariat"),
    ]  # fmt: skip


def test_the_text_is_reshaped_and_each_step_undone(text: Run) -> None:
    before = text("export", "pillars", "--format", "clean", as_json=False)
    text("relabel", "pillars", "P.a", "a bis")
    text("split", "pillars", "P.b", "--before", "for a year", "--label", "c")
    text("move", "pillars", "P.c", "--section", "P")
    text("merge", "pillars", "P.b", "P.a")
    clean = text("export", "pillars", "--format", "clean", as_json=False)
    assert "c) for a year.\n\na bis) Share warnings [early] with everybody. Keep logs" in clean
    for step in (5, 4, 3, 2):
        text("undo", "pillars", step)
    assert text("export", "pillars", "--format", "clean", as_json=False) == before
    assert text("replay", "pillars")["identical"] is True


def test_lifting_a_bracket_is_an_amendment(text: Run) -> None:
    assert len(text("brackets", "pillars")["pairs"]) == 1
    text("brackets", "pillars", "--lift", "1", "--stakeholder", "Beland")
    found = text("show", "pillars", "P.a")
    assert found["base"] == "Share warnings [early] with everybody."
    assert found["entries"][-1]["text"] == "Share warnings early with everybody."


def test_overlap_identical_wording_and_alternatives(text: Run) -> None:
    assert [(o["one"], o["other"], o["comments"]) for o in text("overlap", "pillars")] == [("P.a", "P.b", ["c1"])]
    text("propose", "pillars", "P.b", "-s", "Celand", "--text", "Keep  logs for a month.")
    assert [one["stakeholders"] for one in text("identical", "pillars")] == [["Aland", "Celand"]]
    (place,) = text("alternatives", "pillars", "P.b")
    assert (place["base"].strip(), [option["text"].strip() for option in place["options"]]) == ("year", ["month"])


def test_the_chair_makes_the_next_base_and_others_rebase(text: Run, chaired: Path) -> None:
    (mine,) = text("propose", "pillars", "P.b", "-s", "Celand", "--text", "Please keep logs for a year.")
    text("consolidate", "accept", "pillars", "P.b", "--entry", "e3", "--key", chaired)
    text("consolidate", "bracket", "pillars", "P.a", "--key", chaired)
    text("consolidate", "close", "pillars", "--key", chaired)
    assert text("show", "pillars", "P.b")["base"] == "Keep logs for a month."
    assert text("show", "pillars", "P.a")["base"] == "Share warnings [[early]] with everybody."
    seen = text("rebase", "pillars", mine["id"])
    assert (seen["text"], seen["clashes"]) == ("Please keep logs for a month.", [])
    text("rebase", "pillars", mine["id"], "--take", "--by", "Celand")
    after = next(e for e in text("show", "pillars", "P.b")["entries"] if e["id"] == mine["id"])
    assert (after["text"], after["generation"]) == ("Please keep logs for a month.", 1)
    assert text("replay", "pillars")["signed"] == 4
    assert "a year" in text("replay", "pillars", "--to", "3")["text"]
    text("consolidate", "restore", "pillars", "--base", "0", "--key", chaired)
    assert text("show", "pillars", "P.b")["base"] == "Keep logs for a year."


def test_an_edit_that_clashes_is_not_rebased_by_itself(text: Run, chaired: Path) -> None:
    (mine,) = text("propose", "pillars", "P.b", "-s", "Celand", "--text", "Keep logs for a week.")
    text("consolidate", "accept", "pillars", "P.b", "--entry", "e3", "--key", chaired)
    text("consolidate", "close", "pillars", "--key", chaired)
    assert [c["new"].strip() for c in text("rebase", "pillars", mine["id"])["clashes"]] == ["week"]
    with pytest.raises(ConflictError, match="only its writer"):
        text("rebase", "pillars", mine["id"], "--take")


def test_nobody_but_the_chair(text: Run, chaired: Path, tmp_path: Path) -> None:
    outsider = tmp_path / "outsider.pem"
    text("key", outsider)
    assert chaired.stat().st_mode & 0o077 == 0
    for words in (
        ["consolidate", "leave", "pillars", "P.a", "--key", outsider],
        ["chair", "pillars", "--name", "Me", "--key", outsider],
        ["undo", "pillars", "2", "--key", outsider],
    ):
        with pytest.raises(WithheldError):
            text(*words)
    assert len(text("log", "pillars")) == 2


def test_a_copy_goes_away_and_comes_back(text: Run, tmp_path: Path) -> None:
    text("bundle", "pillars", "--out", tmp_path / "copy.json")
    text("import", tmp_path / "copy.json", home="away")
    text("propose", "pillars", "P.b", "-s", "Deland", "--text", "Garder les journaux.", "--language", "fr", home="away")
    text("bundle", "pillars", "--out", tmp_path / "back.json", home="away")
    assert len(text("merge-bundle", tmp_path / "back.json", "--dry-run")["added"]) == 1
    assert len(text("log", "pillars")) == 1
    assert len(text("merge-bundle", tmp_path / "back.json")["added"]) == 1
    assert text("merge-bundle", tmp_path / "back.json")["known"] == 1
    shown = text("show", "pillars", "P.b")
    assert shown["entries"][-1]["text"] == "Garder les journaux."
    assert [p["kind"] for p in shown["positions"] if p["stakeholder"] == "Deland"] == ["unknown"]


def test_the_compilation_comes_out_as_it_went_in_and_reads_back(text: Run) -> None:
    assert text("export", "pillars", "--format", "compilation", as_json=False) == SOURCE
    text("propose", "pillars", "P.a", "-s", "Celand", "--group", "Media", "--text", "Share.")
    text("comment", "pillars", "P.b", "--author", "Beland", "--text", "Why a year?")
    read = read_compilation(text("export", "pillars", "--format", "compilation", as_json=False).encode())
    assert [(e.stakeholder, e.provision, e.text) for e in read.entries][2] == ("Celand", "P.a", "Share.")
    assert ("Beland", "P.b", "Why a year?") in [(c.author, c.provision, c.text) for c in read.comments]


def test_every_form_is_written(text: Run, tmp_path: Path) -> None:
    forms = ["clean", "bracketed", "side-by-side", "markdown", "json", "html", "docx", "docx-compilation", "akn"]
    for form in forms:
        out = tmp_path / f"out.{form}"
        assert text("export", "pillars", "--format", form, "--out", out)["bytes"] == out.stat().st_size > 0
    assert "Share warnings [[early]] with everybody." in (tmp_path / "out.bracketed").read_text(encoding="utf-8")
    assert "Keep logs for a<del> year</del><ins> month</ins>." in (tmp_path / "out.markdown").read_text("utf-8")
    assert len(json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["provisions"]) == 2


def test_the_page_fetches_nothing_and_runs_nothing(text: Run) -> None:
    html = text("export", "pillars", "--format", "html", as_json=False)
    assert "2 of 2 provisions are contested" in html
    assert "&lt;script&gt;alert(1)" in html
    assert not re.search(r"<script|<link|<img|@import|url\(|https?://|\son\w+=", html)
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(re.findall(r'id="([^"]+)"', html))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["show", "nothing"], NotFoundError),
        (["show", "pillars", "P.z"], NotFoundError),
        (["show", "pillars", "--page", "9"], NotFoundError),
        (["position", "pillars", "P.a", "like", "-s", "Aland"], UsageError),
        (["propose", "pillars", "P.a", "-s", "Aland"], UsageError),
        (["propose", "pillars", "P.a", "-s", "", "--text", "x"], UsageError),
        (["propose", "pillars", "P.a", "-s", "Aland", "--text", "x", "--base", "7"], NotFoundError),
        (["split", "pillars", "P.a", "--before", "nowhere", "--label", "z"], UsageError),
        (["import", "missing.txt"], InputError),
        (["merge-bundle", "missing.json"], InputError),
        (["undo", "pillars", "1"], NotFoundError),
    ],
)
def test_mistakes_are_named(text: Run, words: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        text(*words)
    assert len(text("log", "pillars")) == 1


def test_every_command_also_speaks_to_people(text: Run, chaired: Path) -> None:
    for words in (
        ["list"], ["show", "pillars"], ["show", "pillars", "P.a"], ["agreement", "pillars"], ["log", "pillars"],
        ["alternatives", "pillars", "P.b"], ["overlap", "pillars"], ["identical", "pillars"], ["brackets", "pillars"],
        ["replay", "pillars"], ["rebase", "pillars"], ["propose", "pillars", "P.b", "-s", "Aland", "--text", "No."],
        ["consolidate", "leave", "pillars", "P.a", "--key", str(chaired)],
    ):  # fmt: skip
        assert text(*words, as_json=False).strip()
