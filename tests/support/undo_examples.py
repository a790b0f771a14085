"""For each act that can be undone, something that it can be done to."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import select

from support import ledger_examples as ledger
from support import partner_examples as partners
from support.assets import FIELDS, Keeper, switch_on
from support.exchange_examples import peer
from support.incident_undo_examples import INCIDENT_EXAMPLES
from support.undo_acts import ACTS, context, do, newest, put, roster_of_two
from support.world import World
from tocsin.directory import BY_TEAM
from tocsin.interface import ActContext, read_request
from tocsin.node.accounts import AccountRole
from tocsin.node.letters import Letter, LetterState
from tocsin.pipeline.tables import ItemKind
from tocsin.pipeline.team_items import given_up_networks
from tocsin.problems import ProblemSearch, problem_text


def letter_in(world: World, state: LetterState) -> str:
    with world.node.database.begin() as session:
        letter = session.scalars(select(Letter)).one()
        letter.state = state.value
        return letter.reference


def muted_network(world: World) -> dict[str, Any]:
    do(world, "muteForTeam", team="operator", kind="type", value="scanner", days=7)
    return {"team": "operator", "kind": "type", "value": "scanner"}


def _stopped(world: World) -> dict[str, Any]:
    made = context(world, "stopSending")
    ACTS["stopSending"].function(made, read_request(ACTS["stopSending"], {"reason": "Wrong data"}))
    return {}


def _item(world: World) -> dict[str, Any]:
    """An item to accept: a network that the operator gave up."""
    ACTS["denyClaimOfTeam"].function(
        ActContext(world.node, world.now, "person:1", "One", 1),
        read_request(
            ACTS["denyClaimOfTeam"], {"team": "operator", "kind": "prefix", "value": "192.0.2.0/24", "reason": BY_TEAM}
        ),
    )
    with world.node.database.reading() as session:
        found = given_up_networks(world.node, session, world.now)
    return {"kind": ItemKind.GIVEN_UP, "subject": found[0].subject, "reason": "It is so"}


def _untold(world: World) -> dict[str, Any]:
    """A problem whose team may not be told of it by mail."""
    world.hear("203.0.113.9")
    (row,) = world.node.problems.find(ProblemSearch(address="203.0.113.9"), now=world.now).rows()
    return {"problems": [problem_text(row.key)], "way": "telephone"}


def _run(world: World, *words: str) -> None:
    world.tocsin.run("assessment", *words, "--by", "ministry")


def _version(world: World) -> dict[str, Any]:
    _run(world, "import-framework", "c5")
    return {"framework": "c5", "version": "1.0"}


def _assessed(world: World, **more: Any) -> dict[str, Any]:
    """An assessment with an answer, a dispute, a decision, a piece of evidence and an action."""
    _version(world)
    _run(world, "assign", "c5", "1.0", "all", "--to", "Office")
    _run(world, "publish", "c5", "1.0")
    _run(world, "start", "FJI", "c5", "1.0", "--as-of", "2026-06-30")
    _run(world, "answer", "1", "a.1.1", "2")
    _run(world, "dispute", "1", "a.1.1", "--text", "No")
    _run(world, "dispute", "1", "b.1.1", "--text", "No")
    world.tocsin.run("assessment", "decide", "2", "rejected", "--text", "Yes", "--by", "judge")
    (world.folder / "a.txt").write_text("A", encoding="utf-8")
    _run(world, "evidence", "add", str(world.folder / "a.txt"), "--title", "A", "--language", "en")
    task = ("--title", "Meet", "--owner", "Office", "--due", "2027-06-30")
    _run(world, "plan", "add", "1", "a.1.1", "4", *task)
    return more


_OF: dict[str, Any] = {"assessment": 1, "question": "a.1.1"}

_FACTS = [{"asn": "64500", "contact": "yes"}]

_TASK = {"level": "4", "task": "Write", "owner": "Office", "due": "2027-01-31"}

_GOAL = {"unit": "FJI", "framework": "c5", "version": "1.0", "goal": 40, "baseline": 2026, "end": 2029}


def _register(world: World) -> dict[str, Any]:
    switch_on(world)
    return FIELDS


def _asset(world: World) -> Keeper:
    switch_on(world)
    keeper = Keeper(world)
    keeper.add(**FIELDS)
    return keeper


def _touched(world: World) -> dict[str, Any]:
    _asset(world)
    world.hear("192.0.2.3")
    return {"asset": 1}


def _needed(world: World) -> dict[str, Any]:
    """Another asset needs it, and events touched it."""
    touched = _touched(world)
    Keeper(world).add("Cranes", needs="Harbour power")
    return touched


def _changed(world: World) -> dict[str, Any]:
    _asset(world)
    Keeper(world, AccountRole.OPERATOR, (4,)).do("change", asset=1, **{**FIELDS, "site": "Quay 5"})
    return {"change": 1, "approve": True}


def _profile(world: World) -> dict[str, Any]:
    """A profile that a pinned key signed, and that brings another key."""
    said = partners.profile(partners.pin(world), brings=("next",))
    return {"statement": said.content.decode(), "signature": said.signature.decode()}


_NDA: Final = {"attestation": "NDA", "issuer": "Ada, director"}

EXAMPLES: Final[dict[str, Callable[[World], dict[str, Any]]]] = {
    **INCIDENT_EXAMPLES,
    "addPartner": lambda _: {"name": partners.NAME, "countries": "AX"},
    "addProfilePartner": _profile,
    "changePartner": lambda w: {"partner": (partners.pin(w), "1")[1], "hours": "8 to 17"},
    "removePartner": lambda w: {"partner": (partners.claim(w), "1")[1]},
    "checkPartner": lambda w: {"partner": (partners.pin(w), "1")[1]},
    "addKeyPartner": lambda w: {"partner": (partners.pin(w), "1")[1], "content": partners.public("next")},
    "confirmKeyPartner": lambda w: {"partner": (partners.claim(w), "1")[1], "key": "1", **partners.CALL},
    "acceptKeyPartner": lambda w: {"partner": (partners.named_by_the_old_key(w), "1")[1], "key": "2"},
    "attestPartner": lambda w: {"partner": (partners.pin(w), "1")[1], **_NDA},
    "unattestPartner": lambda w: {
        "partner": (partners.do(partners.pin(w), "attest", partner="1", **_NDA), "1")[1], "attestation": "NDA",
    },
    "endKeyPartner": lambda w: {
        "partner": (partners.pin(w), "1")[1], "key": "1", "why": "compromised", "reason": "Ada rang",
    },
    "importListPartner": lambda _: {"source": "FIRST", "content": b"team,country\nCERT B,Kenya\n"},
    "draftAgreement": lambda w: (ledger.own_agreement(w), {"title": "Code", "type": "code"})[1],
    "importAgreement": ledger.foreign_agreement,
    "signAgreement": ledger.own_agreement,
    "refuseAgreement": lambda w: {**ledger.own_agreement(w), "reason": "Not ours to keep"},
    "declineOfferedItem": lambda w: {"item": (ledger.offered(w), 1)[1], "reason": "Known already"},
    "sendDispatch": lambda w: {
        "partner": (ledger.meet_peer(w, peer(3)), "Peer")[1], "tlp": "GREEN",
        "documents": [{"name": "a.csv", "content": b"203.0.113.7"}],
    },
    "recordConsentPartner": lambda w: {
        "partner": (ledger.offered(w), "1")[1], "item": 1, "answer": "yes", "way": "mail", "who": "Ada",
    },
    "recordAnswerPassedItems": lambda w: {
        "dispatch": (ledger.recalled(w), 1)[1], "state": "done", "way": "mail", "who": "Ada", "said": "Gone",
    },
    "addAsset": _register,
    "changeAsset": lambda w: (_asset(w), {"asset": 1, **FIELDS, "site": "Quay 5"})[1],
    "removeAsset": _needed,
    "confirmAsset": lambda w: (_asset(w), w.at(3), {"asset": [1]})[2],
    "acknowledgeAsset": _touched,
    "decideChangeOfAsset": _changed,
    "importAssets": lambda w: (_asset(w), {"text": "name,sector\nHarbour power,energy\nWater,water\n"})[1],
    "releaseDelivery": lambda w: {"reference": (put(w, state="held"), letter_in(w, LetterState.HELD))},
    "holdDelivery": lambda w: {
        "reference": (put(w, state="retry"), letter_in(w, LetterState.QUEUED)), "reason": "Wait",
    },
    "dropDelivery": lambda w: {"reference": (put(w, state="held"), letter_in(w, LetterState.HELD)), "reason": "No"},
    "retryDelivery": lambda w: {"reference": (put(w, state="bounced", mails_sent=1),)},
    "repeatDelivery": lambda w: {"reference": (newest(w).reference, newest(w, "nat-a").reference)},
    "resumeSending": _stopped,
    "recordNotificationOfProblems": _untold,
    "muteForTeam": lambda _: {"team": "operator", "kind": "prefix", "value": "192.0.2.0/28", "days": 3},
    "unmuteForTeam": muted_network,
    "muteProblems": lambda w: {
        "problems": [problem_text(int(w.node.problems.find(ProblemSearch(), now=w.now).keys[0]))]
    },
    "acceptItem": _item,
    "assignCriteria": lambda w: _version(w) | {"name": "Office"},
    "startAssessment": lambda _: {
        "framework": "c5",
        "version": "1.0",
        "unit": "FJI",
        "name": "Fiji",
        "as_of": "2026-06-30",
        "responsible": "Office",
    },
    "closeAssessment": lambda w: _assessed(w, assessment=1),
    "rankAssessment": lambda w: _assessed(w, assessment=1, ranked=True),
    "answerQuestion": lambda w: _assessed(w, **_OF, level="3"),
    "reviewAnswer": lambda w: _assessed(w, **_OF, kind="review", text="So"),
    "decideDispute": lambda w: _assessed(w, statement=1, outcome="upheld", text="So"),
    "appealDecision": lambda w: _assessed(w, decision=3, text="No"),
    "useEvidence": lambda w: _assessed(w, **_OF, evidence=sha256(b"A").hexdigest()),
    "measureQuestion": lambda w: _assessed(
        w, assessment=1, query="contact_coverage_as", facts=_FACTS, as_of=w.now.isoformat()
    ),
    "addAction": lambda w: _assessed(w, **_OF, **_TASK),
    "finishAction": lambda w: _assessed(w, action=1, on="2027-01-31"),
    "targetScore": lambda w: _assessed(w, **_GOAL),
    "ruleCallOut": lambda w: roster_of_two(w, name="Days", roster="1", severity="high", channels=("mail",)),
    "reportProblems": lambda w: {
        "problems": [problem_text(int(w.node.problems.find(ProblemSearch(), now=w.now).keys[0]))],
        "note": "They say it is fixed, and it is seen again.",
    },
}  # fmt: skip
