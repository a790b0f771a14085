"""A correspondence is read by who reads its incident, before and after that is restricted or opened."""

from support.console_users import person
from support.incident_mails import Case, answer_to
from tocsin.incidents import IncidentReader, acts
from tocsin.incidents.models import InCompartment
from tocsin.incidents.threads import drafts_of, find_party_thread, save_draft
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole

ACTS = {act.operation: act for act in acts.ACTS}
HOSPITAL = "it@hospital.example"


def do(case: Case, operation: str, who: int, **values: object) -> None:
    act, world = ACTS[operation], case.world
    context = ActContext(world.node, world.now, f"person:{who}", "One", who, act=act)
    act.function(context, read_request(act, {"reference": case.reference, **values}))


def test_a_correspondence_moves_with_its_incident(case: Case) -> None:
    world = case.world
    analyst, manager = (person(world.node, role, now=world.now) for role in (AccountRole.ANALYST, AccountRole.MANAGER))
    case.receive(answer_to(case.write("Hospital", "Please look."), "We do.", sender=HOSPITAL))
    with world.node.database.begin() as session:
        found = find_party_thread(session, IncidentReader(analyst, world.now), case.reference, case.parties["Hospital"])
        save_draft(session, found.party, analyst, subject="Re", text="Thanks", now=world.now)
    do(case, "restrictIncident", analyst, persons=[str(analyst)])
    with world.node.database.reading() as session:
        reader, team = IncidentReader(analyst, world.now), IncidentReader(manager, world.now)
        found = find_party_thread(session, reader, case.reference, case.parties["Hospital"])
        assert found.thread is not None
        held: list[InCompartment] = [
            found.thread,
            *case.thread("Hospital", person=analyst)[1],
            *drafts_of(session, reader, found.party),
        ]
        assert [one.compartment_id for one in held] == [found.incident.compartment_id] * 4
        assert drafts_of(session, team, found.party) == []
    case.write("Operator", "Please look at your router.", person=analyst)
    do(case, "unrestrictIncident", analyst)
    assert len(case.thread("Hospital", person=manager)[1]) == 2
    assert len(case.thread("Operator", person=manager)[1]) == 1
