"""A mail of a party becomes evidence as it came, byte by byte."""

import hashlib
from typing import Any

import pytest

from support.incident_mails import ANALYST, Case, answer_to
from tocsin.incidents.evidence import acts
from tocsin.interface import ActContext, read_request
from tocsin.node.errors import NotFoundError


def attach(case: Case, number: int, once: str = "") -> Any:
    act = next(one for one in acts.ACTS if one.operation == "attachMailEvidenceOfIncident")
    context = ActContext(case.world.node, case.world.now, f"person:{ANALYST}", "Analyst", ANALYST, act=act)
    values = {"reference": case.reference, "party": case.parties["Hospital"], "mail": number, "once": once}
    return act.function(context, read_request(act, values))


def test_a_mail_becomes_evidence_with_its_headers_once(case: Case) -> None:
    raw = answer_to(case.write("Hospital", "Please look."), "We pulled the plug.", sender="it@hospital.example")
    case.receive(raw)
    ours, theirs = case.thread("Hospital")[1]
    for _ in range(2):
        attach(case, theirs.id, once="one form")
    digest = hashlib.sha256(raw).hexdigest()
    assert case.world.node.incident_evidence.read(digest) == raw
    assert len(case.world.tocsin.json("evidence", "list", case.reference)["items"]) == 1
    with pytest.raises(NotFoundError):  # what we wrote is in the thread, and no evidence
        attach(case, ours.id)
