"""Nothing that a person composes leaves with a gap of a template in it, whatever the door and the language."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from support.console_users import browsers_of, person
from support.incident_mails import make_case
from support.page_examples import OPERATOR
from support.world import World, copy_world, make_world, text_of
from tocsin.cli.acts import every_act
from tocsin.delivery.texts import SHIPPED
from tocsin.interface import Act, ActContext, RequestError, read_request, wording_of
from tocsin.node.accounts import AccountRole
from tocsin.node.errors import TocsinError

ACTS: Final = {act.operation: act for act in every_act()}
ANALYST: Final = 1
MAIL: Final = "it@hospital.example"

STAYS: Final = {
    "saveFeed": "a mapping file", "mendQuarantine": "a row of a report", "noteInboxReport": "a note of the team",
    "noteIncident": "a note", "correctIncident": "a note", "addTaskOfIncident": "a task",
    "addObservablesOfIncident": "observables", "proposeTakedowns": "URLs; its mails pass the guard of mails",
    "addRosterDuty": "a roster", "editRosterDuty": "a roster", "handOverDuty": "a note for the next on duty",
    "importAssets": "a table", "draftAgreement": "signed after it was read as it is", "commentThing": "a comment",
    "reviewAnswer": "of an assessment", "decideDispute": "of an assessment", "appealDecision": "of an assessment",
    "recordConsentPartner": "what a source said",
}  # fmt: skip
"""Acts whose text is for this team, or is no text that a template begins, with why."""

LEAVES: Final = {
    "answerInboxReport", "handOverInboxReport", "answerNotice", "setTextNotificationText", "sendIncidentMail",
    "announceIncidentMail", "offerCase", "askRequest", "noteNotice", "replyRequest", "askSourceRequest",
    "consentRequest",
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("gaps")
    made = copy_world(make_world(folder / "fresh").folder, folder / "copy")
    with made.open:
        assert person(made.node, AccountRole.ANALYST, now=made.now) == ANALYST
        yield made


def perform(world: World, act: Act, **values: Any) -> Any:
    context = ActContext(world.node, world.now, f"person:{ANALYST}", "Analyst", ANALYST, act=act)
    return act.perform(context, read_request(act, values))


def templates() -> Iterator[tuple[str, str]]:
    """Each shipped template with a gap: its subject or text, and one gap of it."""
    for path in sorted([*SHIPPED.glob("*/answers/*.txt"), *SHIPPED.glob("*/incident/*.txt")]):
        text = path.read_text(encoding="utf-8")
        if gap := re.search(r"\[[^\[\]\n]+\]" if path.parent.name == "answers" else r"\{[^{}\n]+\}", text):
            yield text.partition("\n\n")[2] if gap[0] in text.partition("\n\n")[2] else text, gap[0]


def doors(world: World) -> dict[str, dict[str, Any]]:
    """What each act that sends needs beside its text."""
    case = make_case(world, {"Hospital": MAIL})
    party = case.parties["Hospital"]
    report = perform(world, ACTS["addInboxReport"], what="A page", door="phone", mailbox="me@home.example").reference
    fields = {"aware_at": "2026-11-15 08:00", "what": "Ransomware", "malicious": "yes", "cross_border": "unknown"}
    notice = perform(
        world, ACTS["addNotice"], team=OPERATOR, law="nis2", kind="early_warning", door="paper",
        received_at=world.now, fields=fields,
    ).reference  # fmt: skip
    ask = {
        "partner": "1",
        "asks": "preservation",
        "basis": "voluntary",
        "outcome": "done",
        "item": 1,
        "message": 1,
        "to": "1",
        "answer": "yes",
    }
    return {
        "answerInboxReport": {"reference": report},
        "handOverInboxReport": {"reports": (report,), "report": (report,), "reference": (report,), "team": OPERATOR},
        "answerNotice": {"reference": notice},
        "setTextNotificationText": {"reference": case.reference},
        "sendIncidentMail": {"reference": case.reference, "party": party, "subject": "About your systems"},
        "announceIncidentMail": {"reference": case.reference, "parties": (party,), "subject": "About your systems"},
        "offerCase": {"partner": "1", "incident": case.reference},
        "askRequest": ask, "noteNotice": {"partner": "1"}, "replyRequest": ask, "askSourceRequest": ask,
        "consentRequest": ask,
    }  # fmt: skip


def test_each_act_with_a_text_is_known_to_leave_or_to_stay() -> None:
    """A new act with a text of several lines, or called text, is one or the other."""
    with_text = {
        act.operation
        for act in ACTS.values()
        if "text" in act.request.model_fields and (wording_of(act, "text").lines or act.request.model_fields["text"])
    }
    assert with_text - STAYS.keys() == LEAVES
    assert not LEAVES & STAYS.keys()


@pytest.mark.parametrize("operation", sorted(LEAVES))
def test_no_text_leaves_with_a_gap_of_any_template(world: World, operation: str) -> None:
    act, given = ACTS[operation], doors(world)[operation]
    given = {name: value for name, value in given.items() if name in act.request.model_fields}
    found = list(templates())
    assert len({text for text, _ in found}) > 60
    for text, gap in found:
        line = " ".join(text.split())[:900]
        with pytest.raises(RequestError, match="Not filled in") as refused:
            perform(world, act, **given, text=line if gap in line else gap)
        assert gap in str(refused.value)
        assert [name for name, _ in refused.value.wrongs] == ["text"]
    said = ""
    try:
        perform(world, act, **given, text="We looked at [it] and at {x}.")
    except TocsinError as error:  # there is no such partner, say
        said = str(error)
    assert "Not filled in" not in said


def test_a_gap_of_a_template_of_the_node_counts_at_once(world: World) -> None:
    folder = world.node.home / "templates" / "en" / "answers"
    folder.mkdir(parents=True)
    (folder / "question.txt").write_text("Ask\n\nPlease send [the logs].\n", encoding="utf-8")
    given = doors(world)["answerInboxReport"]
    with pytest.raises(RequestError, match=r"\[the logs\]"):
        perform(world, ACTS["answerInboxReport"], **given, text="Please send [the logs].")


def test_the_page_says_which_gap_and_keeps_the_text(world: World) -> None:
    report = doors(world)["answerInboxReport"]["reference"]
    with browsers_of(world, AccountRole.ANALYST) as (analyst,):
        at = f"/reports/public/{report}"
        page = analyst.get(at).text
        made = re.search(r'name="made"[^>]* value="([^"]+)"', page)
        assert made
        refused = analyst.send(f"{at}/say", what="answer", made=made[1], text="We need: [what you need].")
        assert refused.status_code == 422
        assert "Not filled in: [what you need]" in text_of(refused)
        assert "We need: [what you need]." in refused.text
    assert not [mail for mail in world.tell().values() if "[what" in mail.body]
