"""Delegates and chairs at work on pages: what a form records, once, and on words that are still there."""

import re

import httpx

from drafting.conftest import Room
from support.console_users import Browser, person
from tocsin.drafting.history import verify
from tocsin.drafting.model import PositionKind
from tocsin.node.accounts import AccountRole

_P = "/drafting/code/provisions/P.b"
MADE = "0123456789"


def _chaired(room: Room, administrator: Browser, delegate: Browser) -> Browser:
    """The delegate, who is the chair now."""
    chair = person(room.world.node, AccountRole.DELEGATE, now=room.world.now)
    administrator.send("/drafting/code/chair", seen="1", person=str(chair))
    return delegate


def _proposal(**more: str) -> dict[str, str]:
    return {
        "made": MADE, "seen": "1", "base": "0", "stakeholder": "Celand", "words": "Keep logs for a week.",
        "do": "record", **more,
    }  # fmt: skip


def _bring(administrator: Browser, name: str, content: bytes) -> httpx.Response:
    """Upload a file as a text."""
    data, files = {"csrf": administrator.csrf}, {"file": (name, content)}
    return administrator.client.post("/drafting/import", data=data, files=files, follow_redirects=False)


def _difference(page: str) -> str:
    """The difference that a page shows, with what was taken out {-so-} and put in {+so+}."""
    found = re.search(r'id="preview".*?<p class="wording"[^>]*>(.*?)</p>', page, re.DOTALL)
    assert found, page
    return re.sub(r"</?del>", "-", re.sub(r"</?ins>", "+", found[1])).replace("&#39;", "'")


def test_the_list_says_whom_a_text_waits_for(delegate: Browser) -> None:
    page = delegate.get("/drafting").text
    assert '<a href="/drafting/code">Code for warnings</a>' in page
    assert '<a href="/drafting/code/chair">Administrator: name a chair</a>' in page
    assert "confirm" in page
    assert "decided in this round" not in delegate.get("/drafting/code").text


def test_a_proposal_is_recorded_once_under_the_name_of_the_account(room: Room, delegate: Browser) -> None:
    answers = [delegate.send(f"{_P}/propose", **_proposal(reason="A year is too long.")) for _ in range(2)]
    assert {answer.headers["location"] for answer in answers} == {f"{_P}?step=2"}
    assert [(step.actor, step.act().act) for step in room.steps[1:]] == [("Delegate", "propose")]
    assert room.draft.comments[f"e-{MADE}-reason"].text == "A year is too long."
    page = delegate.get(answers[0].headers["location"]).text
    assert "Keep logs for a <del>year</del><ins>week</ins>." in page.replace("<del> ", " <del>").replace(
        "<ins> ", "<ins>"
    )
    assert 'action="/drafting/code/undo/2"' in page
    delegate.send("/drafting/code/undo/2", seen="2")
    assert f"e-{MADE}" not in room.draft.entries
    verify(room.steps)


def test_the_difference_is_shown_before_anything_is_recorded(room: Room, delegate: Browser) -> None:
    page = delegate.send(f"{_P}/propose", **_proposal(do="preview"))
    assert page.status_code == 200
    assert _difference(page.text) == "Keep logs for a- year-+ week+."
    assert len(room.steps) == 1


def test_support_is_a_position_and_never_the_text(room: Room, delegate: Browser) -> None:
    [read] = [one for one in room.draft.positions_on("P.a") if one.stakeholder == "Beland"]
    assert (read.kind, read.inferred) == (PositionKind.SUPPORT, True)
    answer = delegate.send(f"{_P}/propose", **_proposal(words=" Support. "))
    assert answer.status_code == 422
    assert "states a position and is no text for the provision" in answer.text
    same = delegate.send(f"{_P}/propose", **_proposal(words=f" {room.draft.provisions['P.b'].base} "))
    assert (same.status_code, "the words of the base text" in same.text) == (422, True)
    assert len(room.steps) == 1


def test_who_writes_on_words_that_changed_is_offered_to_rebase(
    room: Room, administrator: Browser, delegate: Browser
) -> None:
    chair = _chaired(room, administrator, delegate)
    chair.send(f"{_P}/wordings", seen="2", do="record", words="Keep all logs for a year.")
    chair.send("/drafting/code/close", seen="3")
    answer = delegate.send(f"{_P}/propose", **_proposal())
    assert answer.status_code == 409
    assert "The text changed meanwhile" in answer.text
    assert ">Keep logs for a week.</textarea>" in answer.text
    assert 'name="words" value="Keep all logs for a week."' in answer.text
    assert f"e-{MADE}" not in room.draft.entries
    assert delegate.send(f"{_P}/propose", **_proposal(base="1", words="Keep all logs for a week.")).status_code == 303
    assert room.draft.entries[f"e-{MADE}"].generation == 1


def test_an_entry_on_an_older_base_is_rebased(room: Room, administrator: Browser, delegate: Browser) -> None:
    chair = _chaired(room, administrator, delegate)
    chair.send(f"{_P}/wordings", seen="2", do="record", words="Keep all logs for a year.")
    chair.send("/drafting/code/close", seen="3")
    [entry] = [one.id for one in room.draft.entries_on("P.b")]
    for page in (_P, "/drafting/code"):
        assert f'href="{_P}/propose?entry={entry}"' in delegate.get(page).text
    page = delegate.get(f"{_P}/propose?entry={entry}").text
    assert ">Keep all logs for a month.</textarea>" in page
    delegate.send(f"{_P}/propose", **_proposal(entry=entry, seen="4", base="1", words="Keep all logs for a month."))
    assert (room.draft.entries[entry].text, room.draft.entries[entry].generation) == ("Keep all logs for a month.", 1)


def test_a_position_needs_a_stakeholder_and_a_kind(room: Room, delegate: Browser) -> None:
    typed = {"made": MADE, "seen": "1", "base": "0", "stakeholder": "", "kind": "", "reason": "As we said on Monday."}
    answer = delegate.send(f"{_P}/position", **typed)
    assert answer.status_code == 422
    assert "Name the stakeholder." in answer.text
    assert "As we said on Monday.</textarea>" in answer.text
    for _ in range(2):
        delegate.send(f"{_P}/position", **{**typed, "stakeholder": "Celand", "kind": "reserve"})
    [said] = [one for one in room.draft.positions_on("P.b") if one.stakeholder == "Celand"]
    assert (said.kind, said.confirmed, said.basis) == (PositionKind.RESERVE, True, "declared: As we said on Monday.")


def test_comments_and_confirmations_are_recorded(room: Room, delegate: Browser) -> None:
    delegate.send(f"{_P}/comment", made=MADE, seen="1", author="Celand", words="What of backups?")
    assert "What of backups?" in delegate.get(_P).text
    [read] = [one for one in room.draft.positions_on("P.b") if one.stakeholder == "Aland"]
    delegate.send(f"{_P}/confirm", seen="2", position=read.id)
    assert room.draft.positions[read.id].confirmed
    assert "inferred, confirmed" in delegate.get(_P).text


def test_the_chair_decides_by_place_and_closes(room: Room, administrator: Browser, delegate: Browser) -> None:
    shown = delegate.get(f"{_P}/wordings").text  # nobody is the chair yet
    assert "Place 1" in shown
    assert 'type="radio"' not in shown
    assert delegate.send(f"{_P}/wordings", seen="1", do="leave").status_code == 404
    chair = _chaired(room, administrator, delegate)
    assert room.draft.chair == "Delegate"
    assert administrator.send(f"{_P}/wordings", seen="2", do="leave").status_code == 404
    page = chair.get("/drafting/code/provisions/P.a/wordings").text
    assert "Support." not in page.partition("<aside>")[0]
    assert chair.send(f"{_P}/wordings", seen="2", do="record", words="Support.").status_code == 422
    shown = chair.send(f"{_P}/wordings", seen="2", do="preview", **{"place-1": "1"}).text
    assert _difference(shown) == "Keep logs for a- year-+ month+."
    chair.send(f"{_P}/wordings", seen="2", do="record", **{"place-1": "1"})
    chair.send("/drafting/code/provisions/P.a/wordings", seen="3", do="record", **{"place-1": "-1"})
    assert [step.act().act for step in room.steps[2:]] == ["accept", "bracket"]
    late = chair.send("/drafting/code/close", seen="3")
    assert late.status_code == 409
    for _ in range(2):
        assert chair.send("/drafting/code/close", seen="4").status_code == 303
    assert [one.base for one in room.draft.printed()] == [
        "Share warnings [[early]] with everybody.", "Keep logs for a month.",
    ]  # fmt: skip
    assert [step.act().act for step in room.steps[2:]] == ["accept", "bracket", "close"]
    assert administrator.send("/drafting/code/restore", seen="5", base="0").status_code == 404
    assert chair.send("/drafting/code/restore", seen="5", base="9").status_code == 404
    chair.send("/drafting/code/restore", seen="5", base="0")
    assert [one.base for one in room.draft.printed()][1] == "Keep logs for a year."
    verify(room.steps)


def test_only_an_administrator_names_the_first_chair(room: Room, delegate: Browser) -> None:
    chair = person(room.world.node, AccountRole.DELEGATE, now=room.world.now)
    assert "Name the chair" not in delegate.get("/drafting/code/chair").text
    assert delegate.send("/drafting/code/chair", seen="1", person=str(chair)).status_code == 404
    assert room.draft.chair is None


def test_a_new_provision_is_proposed(room: Room, delegate: Browser) -> None:
    typed = {"made": MADE, "seen": "1", "stakeholder": "Celand", "section": "P", "label": "c", "words": "Meet yearly."}
    for _ in range(2):
        delegate.send("/drafting/code/new", **typed)
    assert [one.id for one in room.draft.printed()] == ["P.a", "P.b", "P.c"]
    assert "Meet yearly." in delegate.get("/drafting/code/provisions/P.c").text


def test_the_matrix_says_what_is_inferred(delegate: Browser) -> None:
    page = delegate.get("/drafting/code/positions").text
    assert ">support*</td>" in page
    assert ">amend*</td>" in page


def test_the_audit_log_names_the_text_and_the_person(room: Room, administrator: Browser, delegate: Browser) -> None:
    delegate.send(f"{_P}/propose", **_proposal())
    page = administrator.get("/audit?word=draft.changed").text
    assert '<a href="/drafting/code">' in page
    assert "Code for warnings" in page
    assert "Delegate" in page
    assert room.steps[0].hash not in page


def test_a_bracket_is_lifted_by_a_proposal(delegate: Browser) -> None:
    page = delegate.get("/drafting/code/provisions/P.a").text
    assert "/drafting/code/provisions/P.a/propose?lift=1" in page
    page = delegate.get("/drafting/code/provisions/P.a/propose?lift=1").text
    assert ">Share warnings early with everybody.</textarea>" in page


def test_a_text_leaves_and_its_copy_comes_back(room: Room, administrator: Browser, delegate: Browser) -> None:
    assert delegate.get("/drafting/import").status_code == 404
    copy = delegate.get("/drafting/code/export?form=copy").content
    assert delegate.get("/drafting/code/export?form=docx").content.startswith(b"PK")
    delegate.send(f"{_P}/propose", **_proposal())
    assert "0 steps added" in _bring(administrator, "code.json", copy).text
    assert _bring(administrator, "other.txt", b"A text\n\n1.\tPillars\na) Share.\n").status_code == 303
    assert "/drafting/other" in delegate.get("/drafting").text
    assert _bring(administrator, "other.docx", b"PK nothing").status_code == 422
    assert len(room.steps) == 2


def test_a_chair_who_decides_on_what_changed_is_asked_to_look_again(
    room: Room, administrator: Browser, delegate: Browser
) -> None:
    chair = _chaired(room, administrator, delegate)
    delegate.send(f"{_P}/propose", **_proposal())
    late = chair.send(f"{_P}/wordings", seen="2", do="record", **{"place-1": "1"})
    assert late.status_code == 409
    assert "read it again" in late.text
    assert "week" in late.text
    assert room.draft.decisions == {}
    chair.send(f"{_P}/wordings", seen="3", do="record", **{"place-1": "2"})
    assert room.draft.decisions["P.b"].text == "Keep logs for a week."


def test_nobody_undoes_the_step_of_another(room: Room, administrator: Browser, delegate: Browser) -> None:
    typed = {"made": MADE, "seen": "1", "author": "Secretariat", "words": "Please be brief."}
    administrator.send(f"{_P}/comment", **typed)
    assert "/undo/2" not in delegate.get("/drafting/code/history").text
    assert delegate.send("/drafting/code/undo/2", seen="2").status_code == 404
    assert f"c-{MADE}" in room.draft.comments
    delegate.send(f"{_P}/propose", **_proposal(made="a" * 10, seen="2"))
    assert administrator.send("/drafting/code/undo/3", seen="3").status_code == 303
    assert "e-" + "a" * 10 not in room.draft.entries


def test_the_chair_is_handed_over_by_the_chair_alone(room: Room, administrator: Browser, delegate: Browser) -> None:
    chair = _chaired(room, administrator, delegate)
    other = person(room.world.node, AccountRole.ADMINISTRATOR, now=room.world.now)
    assert administrator.send("/drafting/code/chair", seen="2", person=str(other)).status_code == 404
    for _ in range(2):
        assert chair.send("/drafting/code/chair", seen="2", person=str(other)).status_code in {303, 404}
    assert room.draft.chair == "Administrator"
    assert len(room.steps) == 3
    assert chair.send(f"{_P}/wordings", seen="3", do="leave").status_code == 404
    assert administrator.send(f"{_P}/wordings", seen="3", do="leave").status_code == 303
    verify(room.steps)
