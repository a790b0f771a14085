"""What would be sent to a partner, and why a thing is not: decisions only."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from support.abuse_reports import xarf
from support.exchange_examples import NOW, peer
from tocsin.directory import Team, TeamKind
from tocsin.exchange.sharing import (
    AdoptedAgreement,
    PackageFile,
    PackageItem,
    PackageKind,
    PackagePolicy,
    SharingPartner,
    SourceAnswer,
    WrittenPart,
    agreement_rules,
    compose,
    item_source,
    partner_recipient,
    side_by_side,
)
from tocsin.exchange.statements import (
    AgreementType,
    Dispatch,
    Jurisdiction,
    JurisdictionRole,
    SharingAgreement,
    hash_of,
)
from tocsin.sharing.gate import (
    Audience,
    DataClass,
    ItemSource,
    Marking,
    Pap,
    Recipient,
    ReleaseItem,
    ReleasePurpose,
    Tlp,
    TransferLevel,
    TransferRule,
    decide,
    decide_transfer,
    iep_limits,
)
from tocsin.sharing.rules import read_document
from tocsin.sharing.rules.transfers import AGREEMENT_TYPES

US, THEM, THIRD = (peer(number).node for number in (1, 2, 3))
OURS = ItemSource("us", ours=True)
TEAM = Team(id=1, uuid=UUID(int=9), key="kestria", name="CERT-KE", kind=TeamKind.NATIONAL, country="KE")
TO = Recipient(Audience.PARTNER, party=str(THEM), country="KE", kind="national", team="kestria")
SECRET = "the-secret-of-the-withheld-part"
EVERYTHING = frozenset(DataClass)


def agreement(*parties: UUID, type_: AgreementType = AgreementType.MOU, ended: bool = False) -> AdoptedAgreement:
    body = SharingAgreement(
        **peer(1).head(), agreement=UUID(int=77), edition=1, type=type_, title="Sharing", parties=parties
    )  # fmt: skip
    end = NOW - timedelta(days=1) if ended else None
    return AdoptedAgreement(body, frozenset(parties), NOW - timedelta(days=30), end)


def item(
    kind: PackageKind = PackageKind.TIMELINE,
    data: DataClass = DataClass.CASE,
    tlp: Tlp = Tlp.GREEN,
    value: str = "open text",
    **terms: object,
) -> PackageItem:
    given = ReleaseItem(Marking(tlp), data, **{"source": OURS, **terms})  # type: ignore[arg-type]  # by name
    return PackageItem(kind, given, "entry", {"text": value, "from": "a source"}, frozenset({"from"}), sha256="ab" * 32)


def file(data: DataClass, read: Callable[[], bytes], size: int = 5, tlp: Tlp = Tlp.GREEN) -> PackageItem:
    held = PackageFile("text/plain", hash_of(b"12345").removeprefix("sha256:"), size, read)
    return replace(item(PackageKind.FILE, data, tlp), name="notes.txt", file=held)


def never() -> bytes:
    pytest.fail("bytes of a blocked part are never read")


def test_a_partner_is_who_signed_an_agreement_in_force_or_is_named_in_the_case() -> None:
    partner, stranger = SharingPartner(str(THEM), "CERT-KE", TEAM), SharingPartner(str(THEM), "Somewhere")
    bound, past = agreement(US, THEM), agreement(US, THEM, ended=True)
    unsigned = replace(bound, signed=frozenset({US}))
    expired = replace(bound, body=bound.body.model_copy(update={"expires": NOW}))
    audiences = [
        partner_recipient(who, given, NOW, in_case=named).audience
        for who, given, named in (
            (partner, [bound], False), (stranger, [bound], False), (stranger, [], True), (partner, [past], False),
            (partner, [unsigned], False), (partner, [expired], False), (stranger, [past], False),
            (SharingPartner("mail:cert@ke.example", "CERT-KE"), [bound], False),
        )
    ]  # fmt: skip
    assert audiences == ["partner", "partner", "partner", "community", "community", "community", "public", "public"]
    to = partner_recipient(partner, [bound], NOW, under=bound.body.agreement)
    assert (to.agreement, to.country, to.kind) == ((str(UUID(int=77)), "mou"), "KE", "national")
    assert partner_recipient(partner, [past], NOW, in_case=True, under=UUID(int=77)).agreement == ()
    assert set(AGREEMENT_TYPES) == set(AgreementType)


def test_red_goes_to_a_key_that_only_one_person_has() -> None:
    node_key = peer(2).party.key
    partner = SharingPartner(str(THEM), "CERT-KE", TEAM, keys=frozenset({node_key.upper()}), ceiling=Tlp.RED)
    by_key = {
        key: decide(
            Marking(Tlp.RED), partner_recipient(partner, [], NOW, in_case=True, person_key=key),
            ReleasePurpose.COORDINATION, source=OURS, restricted=True,
        ).rule
        for key in ("", node_key, "AA" * 20)
    }  # fmt: skip
    assert by_key == {"": "tlp-red-role", node_key: "tlp-red-role", "AA" * 20: "tlp-red-partner"}


def test_consent_comes_from_what_the_source_signed_or_answered_and_ends_with_it() -> None:
    of, bound = uuid4(), agreement(US, THEM, THIRD)
    answer = SourceAnswer("sha256:" + "0" * 64, of, frozenset({str(THEM)}), Tlp.AMBER_STRICT, NOW + timedelta(days=1))
    without = replace(bound, signed=frozenset({US, THEM}))

    def rules(agreements: list[AdoptedAgreement], answers: list[SourceAnswer]) -> list[str]:
        source = item_source(THIRD, "CERT-3", of, agreements=agreements, answers=answers, at=NOW)
        labels = (Tlp.AMBER, Tlp.AMBER_STRICT)
        return [decide(Marking(label), TO, ReleasePurpose.COORDINATION, source=source).rule for label in labels]

    assert rules([bound], []) == ["tlp-amber-partner", "ask-source"]
    assert rules([without], []) == rules([], [replace(answer, item=uuid4())]) == ["ask-source", "ask-source"]
    assert rules([], [answer]) == ["tlp-amber-partner", "tlp-amber-strict-partner"]
    assert rules([], [replace(answer, until=NOW)]) == ["ask-source", "ask-source"]
    red_answer = replace(answer, to=frozenset({"AA" * 20}), up_to=Tlp.RED)
    red = item_source("a party", "A party", of, agreements=[bound], answers=[red_answer], at=NOW)
    person = replace(TO, named=True, person_key="AA" * 20, in_case=True)
    for key, rule in (("AA" * 20, "tlp-red-partner"), ("BB" * 20, "ask-source")):
        to = replace(person, person_key=key)
        assert decide(Marking(Tlp.RED), to, ReleasePurpose.COORDINATION, source=red, restricted=True).rule == rule


POLICY = """
type = "law"
[[transfer]]
id = "ke-3"
class = ["personal", "evidence"]
to_country = "KE"
send = "nothing"
cites = "Data Protection Act, section 36"
why = "We do not trust them."
[[transfer]]
id = "mails"
class = "content"
except_agreement = "treaty"
send = "hash"
code = "agreement"
[[transfer]]
id = "files"
class = "document"
to_kind = "national"
send = "metadata"
code = "policy"
"""


def test_what_is_withheld_is_named_with_class_rule_and_code_and_its_bytes_never_enter() -> None:
    policy = PackagePolicy(transfers=read_document(POLICY).transfers, chosen=EVERYTHING)
    third = ItemSource("CERT-3", str(THIRD))
    package = compose(
        [
            item(), item(data=DataClass.PERSONAL, value=SECRET), item(data=DataClass.CONTENT, value=SECRET),
            file(DataClass.DOCUMENT, never), file(DataClass.EVIDENCE, never),
            item(PackageKind.OBSERVABLES, DataClass.TECHNICAL, Tlp.AMBER, SECRET, source=third),
            item(PackageKind.OBSERVABLES, DataClass.TECHNICAL, value="=192.0.2.1"),
            item(data=DataClass.ANALYSIS, tlp=Tlp.RED, value=SECRET),
            item(data=DataClass.ANALYSIS, value=SECRET, restricted=True),
        ],
        TO, "CERT-KE", policy,
    )  # fmt: skip
    sent = b"".join(part.written.content for part in package.parts)
    assert [(part.kind, part.data, part.marking.tlp) for part in package.parts] == [
        ("timeline", "case", "GREEN"), ("observables", "technical", "GREEN"),
    ]  # fmt: skip
    assert b"'=192.0.2.1" in sent
    assert SECRET not in sent.decode() + package.text
    assert [(one.class_, one.rule, one.code, one.hash is not None) for one in package.withheld] == [
        ("personal", "ke-3", "law", False), ("content", "mails", "agreement", True),
        ("document", "files", "policy", True), ("evidence", "ke-3", "law", False),
        ("technical", "ask-source", "consent", False),
    ]  # fmt: skip
    assert [(one.name, one.bytes) for one in package.described] == [("notes.txt", 5)]
    assert package.ask == (third,)
    assert "1 of personal data: by law (Data Protection Act, section 36), rule ke-3\n" in package.text
    assert "trust" not in package.text, "reasons for people here are not for the partner"
    assert "CERT-3" not in package.text, "nor who else's it is"
    assert package.text.startswith("TLP:GREEN\n\nTo CERT-KE.\n")
    head = peer(1).dispatch(peer(2)).said(Dispatch)
    again = Dispatch.model_validate_json(
        head.model_copy(update={"withheld": package.withheld}).model_dump_json(by_alias=True)
    )
    assert again.withheld == package.withheld


def test_only_facts_go_unless_a_person_chooses_more() -> None:
    every = [item(data=data) for data in DataClass]
    package = compose(every, TO, "CERT-KE", PackagePolicy())
    assert {part.data for part in package.parts} == {"case", "technical", "document", "statistics", "reachability"}
    assert [one.goes for one in package.decisions] == [one.chosen for one in package.decisions]
    assert sum(one.chosen for one in package.decisions) == 5
    assert package.withheld == (), "what nobody chose is not withheld"


def test_a_source_that_asks_not_to_be_named_is_not_and_the_policy_narrows_the_part() -> None:
    limits = iep_limits({"attribution": "must-not", "permitted_actions": "none", "tlp": "amber"})
    (part,) = compose([item(iep=limits)], TO, "CERT-KE", PackagePolicy()).parts
    assert (part.marking, b"a source" in part.written.content) == (Marking(Tlp.AMBER, Pap.RED), False)
    (named,) = compose([item()], TO, "CERT-KE", PackagePolicy()).parts
    assert b"a source" in named.written.content


def test_parts_are_written_by_whom_the_caller_names_and_kept_back_by_content_and_size() -> None:
    def stix(items: Sequence[PackageItem]) -> WrittenPart:
        content = b"canary" * len(items)
        return WrittenPart(content, "application/stix+json;version=2.1", "bundle.json")

    writers, things = {PackageKind.TIMELINE: stix}, [item(), file(DataClass.DOCUMENT, lambda: b"12345")]
    package = compose(things, TO, "CERT-KE", PackagePolicy(writers=writers))
    assert [part.statement.type for part in package.parts] == ["application/stix+json;version=2.1", "text/plain"]
    assert package.parts[0].statement.hash == hash_of(b"canary")
    report = json.dumps(xarf())
    things = [item(value=report), file(DataClass.DOCUMENT, report.encode), file(DataClass.DOCUMENT, lambda: b"12345")]
    held = compose(things, TO, "CERT-KE", PackagePolicy())
    assert [part.written.content for part in held.parts] == [b"12345"]
    assert (held.withheld, "Withheld" in held.text) == ((), False), "not even that there is such a thing is said"
    assert [one.verdict.rule for one in held.decisions[:2]] == ["never-held", "never-held"]
    small = [item(), file(DataClass.DOCUMENT, never, size=10)]
    package = compose(small, TO, "CERT-KE", PackagePolicy(writers=writers, largest=9))
    assert [(one.class_, one.code) for one in package.withheld] == [("document", "size")]


def test_the_rules_of_an_agreement_hold_beside_ours_and_lift_none_of_them() -> None:
    ours = '[[transfer]]\nid = "a"\nclass = "case"\nsend = "nothing"\n'
    theirs = ours + '[[transfer]]\nid = "b"\nclass = "case"\nsend = "content"\nover = "a"\ncites = "Art. 4"\n'
    theirs += '[[transfer]]\nid = "c"\nclass = "document"\nsend = "hash"\n'
    theirs += '[[share]]\nid = "d"\nto_country = "FR"\nrefuse = true\n'
    bound = agreement(US, THEM)
    bound = replace(bound, body=bound.body.model_copy(update={"rules": theirs}))
    local, transfers = agreement_rules(US, [bound], NOW)

    def verdicts(data: DataClass, *rules: TransferRule) -> str:
        return decide_transfer(item(data=data).terms, TO, ReleasePurpose.COORDINATION, local, rules).rule

    assert verdicts(DataClass.CASE, *transfers) == "tlp-green-community", "within its document b is put over a"
    assert verdicts(DataClass.CASE, *transfers, *read_document(ours).transfers) == "local:a"
    assert verdicts(DataClass.DOCUMENT, *transfers) == "agreement:c"
    assert [rule.name for rule in local] == ["local:d"]
    assert agreement_rules(THIRD, [bound], NOW) == ([], []), "who did not sign is not bound"


def test_countries_stand_side_by_side_and_the_stricter_rule_holds_unless_a_rule_says_otherwise() -> None:
    text = """
[[transfer]]
id = "aa"
jurisdiction = "FR"
class = "personal"
send = "hash"
[[transfer]]
id = "bb"
jurisdiction = "DE"
class = "personal"
send = "nothing"
"""
    treaty = (
        '[[transfer]]\nid = "treaty"\nto_agreement = "treaty"\nsend = "content"\nover = ["aa", "bb"]\ncites = "Art. 4"'
    )
    claims = [
        Jurisdiction(country="FR", role=JurisdictionRole.ORIGIN, by="CERT-FR"),
        Jurisdiction(country="DE", role=JurisdictionRole.ORIGIN, by="CERT-DE"),
        Jurisdiction(country="FR", role=JurisdictionRole.STORED, by="CERT-FR"),
    ]
    about = ReleaseItem(Marking(Tlp.GREEN), DataClass.PERSONAL, OURS)
    rows = side_by_side(claims, about, TO, read_document(text).transfers)
    assert [
        (row.claim.country, row.claim.role, row.disputed, row.rule and row.rule.id, row.decides) for row in rows
    ] == [
        ("DE", "origin", True, "bb", True), ("FR", "origin", True, "aa", False), ("FR", "stored", False, "aa", False),
    ]  # fmt: skip
    rules, both = read_document(text + treaty).transfers, replace(about, jurisdictions=frozenset({"FR", "DE"}))
    levels = [
        decide_transfer(both, to, ReleasePurpose.COORDINATION, (), rules).level
        for to in (TO, replace(TO, agreement=("treaty",)))
    ]
    assert levels == [TransferLevel.NOTHING, TransferLevel.CONTENT]


def test_each_thing_has_one_verdict_and_one_reason() -> None:
    policy = PackagePolicy(transfers=read_document(POLICY).transfers, chosen=EVERYTHING - {DataClass.STATISTICS})
    third = ItemSource("CERT-3", str(THIRD))
    plain = iep_limits({"encrypt_in_transit": "must"})
    things = [
        item(), item(data=DataClass.STATISTICS), item(tlp=Tlp.AMBER, source=third), item(tlp=Tlp.RED),
        item(data=DataClass.PERSONAL), item(data=DataClass.CONTENT), file(DataClass.DOCUMENT, never),
        item(restricted=True), item(iep=plain), item(tlp=Tlp.AMBER, source=ItemSource()),
    ]  # fmt: skip
    decisions = compose(things, replace(TO, plain=True), "CERT-KE", policy).decisions
    verdicts = [one.verdict for one in decisions]
    assert [(one.goes, one.verdict.level.value, one.verdict.rule) for one in decisions] == [
        (True, "content", "tlp-green-community"), (False, "content", "tlp-green-community"),
        (False, "nothing", "ask-source"), (False, "nothing", "tlp-red-role"),
        (False, "nothing", "local:ke-3"), (False, "hash", "local:mails"),
        (False, "metadata", "local:files"), (False, "nothing", "restricted-incident"),
        (False, "nothing", "iep-encrypt"), (False, "nothing", "source-unknown"),
    ]  # fmt: skip
    assert all(one.words for one in verdicts)
    assert [one.ask for one in verdicts if one.ask] == [third]
    assert verdicts[4].words == "We do not trust them."
