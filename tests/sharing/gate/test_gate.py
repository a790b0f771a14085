"""Nothing leaves above its audience, and each yes and no names its rule."""

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from itertools import product
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.directory import Team, TeamKind
from tocsin.events.schema import BY_NAME, Privacy
from tocsin.sharing.gate import (
    FIELD_RULES,
    RULE_CODES,
    RULES,
    UNKNOWN_SOURCE,
    Audience,
    ConsentGround,
    DataClass,
    IepLimits,
    ItemSource,
    LocalRule,
    Marking,
    Pap,
    Recipient,
    ReleaseAction,
    ReleaseItem,
    ReleasePurpose,
    SourceConsent,
    Tlp,
    TransferCode,
    TransferLevel,
    TransferRule,
    allowed_teams,
    decide,
    decide_transfer,
    fields_for,
    highest,
    iep_limits,
    may_act,
    read_marking,
    read_pap,
    read_tlp,
    recipient_of,
)

MARKINGS = st.builds(Marking, st.sampled_from(Tlp), st.sampled_from(Pap))
RECIPIENTS = st.builds(Recipient, st.sampled_from(Audience), st.booleans(), st.sampled_from(Tlp))
PURPOSES = st.sampled_from(ReleasePurpose)

# The widest audience of each label, written down again from FIRST's definitions and not from our table.
REACH: dict[Tlp, set[Audience]] = {
    Tlp.CLEAR: {Audience.OWN, Audience.CLIENT, Audience.PARTNER, Audience.COMMUNITY, Audience.PUBLIC},
    Tlp.GREEN: {Audience.OWN, Audience.CLIENT, Audience.PARTNER, Audience.COMMUNITY},
    Tlp.AMBER: {Audience.OWN, Audience.CLIENT},
    Tlp.AMBER_STRICT: {Audience.OWN},
    Tlp.RED: {Audience.OWN, Audience.CLIENT},
}


def team(number: int, key: str = "isp", ceiling: str = "RED") -> Team:
    return Team(id=number, uuid=UUID(int=number), key=key, name="Example ISP", ceiling=ceiling)


@given(MARKINGS, RECIPIENTS, PURPOSES)
def test_nothing_leaves_above_its_audience(marking: Marking, recipient: Recipient, purpose: ReleasePurpose) -> None:
    verdict = decide(marking, recipient, purpose)

    if verdict.allowed:
        assert recipient.audience in REACH[marking.tlp]
        assert marking.tlp is not Tlp.RED or recipient.named
        assert marking.tlp.rank <= recipient.ceiling.rank
        if marking.tlp is Tlp.AMBER and recipient.audience is Audience.CLIENT:
            assert purpose is ReleasePurpose.REMEDIATION
    assert verdict.rule in {rule.id for rule in RULES} | {"recipient-ceiling", "source-unknown"}
    assert verdict.words


@given(MARKINGS, RECIPIENTS, PURPOSES)
def test_fields_go_only_with_a_yes_and_never_beyond_the_audience(
    marking: Marking, recipient: Recipient, purpose: ReleasePurpose
) -> None:
    fields = fields_for(recipient, purpose, marking)

    if not decide(marking, recipient, purpose).allowed:
        assert fields == ()
    if recipient.audience is Audience.PUBLIC or purpose is ReleasePurpose.STATISTICS:
        assert {BY_NAME[name].privacy for name in fields} <= {Privacy.PUBLIC}
    if recipient.audience is not Audience.OWN:
        assert not {"destination.account", "destination.local_hostname", "destination.local_ip"} & set(fields)
    if recipient.audience is Audience.COMMUNITY:
        assert "extra" not in fields


@given(MARKINGS, RECIPIENTS, PURPOSES)
def test_a_narrower_label_never_reaches_more(marking: Marking, recipient: Recipient, purpose: ReleasePurpose) -> None:
    role = Recipient(recipient.audience, named=False, ceiling=recipient.ceiling)
    wider = [Marking(label, marking.pap) for label in Tlp if label.rank <= marking.tlp.rank]

    if decide(marking, role, purpose).allowed:
        assert all(decide(other, role, purpose).allowed for other in wider)


@given(MARKINGS, RECIPIENTS, PURPOSES, st.sampled_from(Tlp))
def test_a_ceiling_only_narrows(marking: Marking, recipient: Recipient, purpose: ReleasePurpose, ceiling: Tlp) -> None:
    limited = Recipient(recipient.audience, recipient.named, ceiling)
    open_to_all = Recipient(recipient.audience, recipient.named, Tlp.RED)

    if decide(marking, limited, purpose).allowed:
        assert decide(marking, open_to_all, purpose).allowed


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_read_as_a_marking_and_junk_reaches_no_mailbox(tlp: str, pap: str) -> None:
    marking = read_marking(tlp, pap)
    known = tlp.strip().upper().removeprefix("TLP:")

    if known not in {"", "WHITE", *(label.value for label in Tlp)}:
        assert marking.tlp is Tlp.RED
        assert not any(
            decide(marking, Recipient(audience), purpose).allowed for audience in Audience for purpose in ReleasePurpose
        )


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("TLP:AMBER+STRICT", Tlp.AMBER_STRICT),
        ("amber", Tlp.AMBER),
        ("TLP:WHITE", Tlp.CLEAR),
        (" tlp:green ", Tlp.GREEN),
        (None, Tlp.AMBER_STRICT),
        ("", Tlp.AMBER_STRICT),
        ("TLP:EX:CHR", Tlp.RED),
        ("AMBER STRICT", Tlp.RED),
    ],
)
def test_labels_are_read_as_people_write_them(text: str | None, label: Tlp) -> None:
    assert read_tlp(text) is label


def test_each_label_is_written_as_its_standard_has_it() -> None:
    assert [one.labels[0] for one in map(Marking, Tlp)] == [
        "TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED",
    ]  # fmt: skip
    assert [Marking(Tlp.RED, one).labels[1] for one in Pap] == ["PAP:CLEAR", "PAP:GREEN", "PAP:AMBER", "PAP:RED"]
    assert all(read_marking(*one.labels) == one for one in (Marking(tlp, pap) for tlp in Tlp for pap in Pap))


def test_no_pap_is_none_and_an_unknown_one_is_red() -> None:
    assert (read_pap(None), read_pap("PAP:white"), read_pap("purple")) == (None, Pap.CLEAR, Pap.RED)
    assert highest([read_marking("GREEN", ""), read_marking("GREEN", "AMBER")]).labels == ("TLP:GREEN", "PAP:AMBER")
    assert highest([read_marking("GREEN", None)]).labels == ("TLP:GREEN",)


def test_where_no_pap_is_said_we_do_ourselves_what_amber_allows() -> None:
    assert may_act(None, ReleaseAction.LOOKUP).allowed
    assert not may_act(None, ReleaseAction.ACTIVE).allowed


def test_the_marking_of_the_whole_is_the_strictest_of_its_parts() -> None:
    parts = [Marking(Tlp.GREEN, Pap.RED), Marking(Tlp.AMBER, Pap.CLEAR)]

    assert highest(parts) == Marking(Tlp.AMBER, Pap.RED)
    for one, other in product(product(Tlp, Pap), repeat=2):  # both are in the order of their standards
        tlp, pap = max(one[0], other[0], key=[*Tlp].index), max(one[1], other[1], key=[*Pap].index)
        assert highest([Marking(*one), Marking(*other)]) == Marking(tlp, pap)


def test_a_team_is_told_of_amber_and_asked_for_in_words_of_why_not() -> None:
    everyone = [team(1), team(2, ceiling="GREEN"), team(3, key="us")]

    told, withheld = allowed_teams("AMBER", "GREEN", everyone)
    assert told == {1, 3}
    assert [(number, verdict.rule) for number, verdict in withheld] == [(2, "recipient-ceiling")]

    told, withheld = allowed_teams("AMBER+STRICT", "GREEN", everyone, own=frozenset({"us"}))
    assert told == {3}
    assert {verdict.rule for _, verdict in withheld} == {"tlp-amber-strict-others"}

    told, withheld = allowed_teams("RED", "RED", everyone, own=frozenset({"us"}))
    assert not told
    assert {verdict.rule for _, verdict in withheld} == {"tlp-red-role"}


def test_a_team_gets_what_is_said_of_its_own_machines() -> None:
    fields = fields_for(recipient_of(team(1)), ReleasePurpose.REMEDIATION, Marking(Tlp.AMBER, Pap.GREEN))

    assert {"source.ip", "source.account", "source.local_ip", "destination.ip", "extra", "tlp", "pap"} <= set(fields)


def test_pap_binds_whoever_holds_the_item() -> None:
    assert may_act(Pap.RED, ReleaseAction.PASSIVE).allowed
    assert not may_act(Pap.RED, ReleaseAction.LOOKUP).allowed
    assert may_act(Pap.AMBER, ReleaseAction.LOOKUP).allowed
    assert not may_act(Pap.AMBER, ReleaseAction.ACTIVE).allowed
    assert may_act(Pap.GREEN, ReleaseAction.ACTIVE).rule == "pap-green"


def test_rule_ids_are_unique_and_each_rule_says_why() -> None:
    ids = [rule.id for rule in RULES] + [rule.id for rule in FIELD_RULES]

    assert len(set(ids)) == len(ids)
    assert all([*(rule.words for rule in RULES), *(rule.words for rule in FIELD_RULES)])


WORK = ReleasePurpose.COORDINATION
PARTY, KEY = "b1c2", "91AB07"
OURS = ItemSource("us", ours=True)


def consent(up_to: Tlp, *to: str) -> ItemSource:
    return ItemSource("them", "a0", consents=(SourceConsent(ConsentGround.ANSWER, "2026-4", frozenset(to), up_to),))


SOURCES = (
    UNKNOWN_SOURCE, ItemSource("them", "a0"), OURS, consent(Tlp.AMBER, "another", "key of another"),
    *(consent(label, PARTY, KEY) for label in Tlp), consent(Tlp.RED, PARTY),
)  # fmt: skip
READERS = ((False, ""), (False, KEY), (True, ""), (True, KEY))


def test_a_partner_gets_only_what_is_ours_to_give_or_its_source_lets_it_have() -> None:
    """Every TLP, PAP, audience, source and consent: only partners gain by consent, and by no more than it says."""
    asked = set[str]()
    for tlp, pap, audience, purpose in product(Tlp, (None, Pap.RED), Audience, ReleasePurpose):
        for source, (named, key), ceiling in product(SOURCES, READERS, (Tlp.GREEN, Tlp.RED)):
            marking, red = Marking(tlp, pap), tlp is Tlp.RED  # which a partner gets from a restricted incident
            to = Recipient(audience, named, ceiling, party=PARTY, person_key=key, in_case=True)
            verdict = decide(marking, to, purpose, source=source, restricted=red)
            without = decide(marking, to, purpose, restricted=red)
            if audience is not Audience.PARTNER:
                assert verdict == without
                continue
            community = decide(marking, Recipient(Audience.COMMUNITY, named, ceiling), purpose)
            own = decide(marking, Recipient(Audience.OWN, named, ceiling), purpose)
            assert without.allowed == community.allowed
            assert own.allowed or not verdict.allowed
            if verdict.allowed and tlp.rank >= Tlp.AMBER.rank:
                covered = [one for one in source.consents if tlp.rank <= one.up_to.rank]
                whom = key if tlp is Tlp.RED else PARTY
                assert source.ours or any(whom in one.to for one in covered)
                assert tlp is not Tlp.RED or (named and key)
                assert purpose is not ReleasePurpose.STATISTICS
            assert (verdict.ask is not None) == (verdict.rule == "ask-source")
            if verdict.ask is not None:
                assert verdict.ask == source
                ours = decide(marking, to, purpose, source=OURS, restricted=red)
                assert ours.allowed, "it is asked only where a yes would help"
            if verdict.allowed and red:
                assert decide(marking, to, purpose, source=source).rule == "tlp-red-open"
            asked.add(verdict.rule)
    partner = {f"tlp-{label}-partner" for label in ("red", "amber", "amber-strict")}
    assert asked >= {"ask-source", "source-unknown", "tlp-red-role", "recipient-ceiling", *partner}


def test_an_agreement_in_general_reaches_amber_and_no_further() -> None:
    agreement = SourceConsent(ConsentGround.AGREEMENT, "3f1c", frozenset({PARTY, KEY}))
    source, to = ItemSource("CERT-AA", "a0", consents=(agreement,)), Recipient(Audience.PARTNER, party=PARTY)
    rules = [decide(Marking(label), to, WORK, source=source).rule for label in Tlp]
    assert rules[2:] == ["tlp-amber-partner", "ask-source", "tlp-red-role"]
    verdict = decide(Marking(Tlp.AMBER_STRICT), to, WORK, source=source)
    assert (verdict.ask, "CERT-AA" in verdict.words) == (source, True)
    itself = Recipient(Audience.PARTNER, party=source.party)
    assert decide(Marking(Tlp.AMBER_STRICT), itself, WORK, source=source).allowed, "whoever gave it the label has it"


def test_what_was_stopped_before_stays_stopped_for_a_partner_with_consent() -> None:
    """Voluntary reports, restricted incidents, local rules and what the source asks for, each by its own rule."""
    to = Recipient(Audience.PARTNER, party=PARTY, country="MU", official="authority", plain=True)
    green, local = Marking(Tlp.GREEN), LocalRule("no-mu", words="Because.", countries=frozenset({"MU"}), refuse=True)
    encrypted = iep_limits({"encrypt_in_transit": "must"})
    assert decide(green, to, WORK, source=OURS).allowed
    assert decide(green, to, WORK, source=OURS, voluntary=True).rule == "voluntary-official"
    assert decide(green, to, WORK, source=OURS, restricted=True).rule == "restricted-incident"
    assert decide(green, to, WORK, [local], source=OURS).rule == "local:no-mu"
    assert decide(green, to, WORK, source=OURS, iep=encrypted).rule == "iep-encrypt"
    for_work = LocalRule("work", words="Because.", purposes=frozenset({WORK}), refuse=True)
    assert decide(green, to, WORK, [for_work], source=OURS).rule == "local:work"
    assert decide(green, to, ReleasePurpose.REMEDIATION, [for_work], source=OURS).allowed
    hides = [LocalRule("hide", words="Because.", purposes=frozenset({WORK}), hide=frozenset({"source.ip"}))]
    for purpose in (WORK, ReleasePurpose.REMEDIATION):
        assert ("source.ip" in fields_for(to, purpose, green, hides)) == (purpose is not WORK)
    named = Recipient(Audience.PARTNER, party=PARTY, in_case=True)
    assert decide(green, named, WORK, source=OURS, restricted=True, iep=encrypted).allowed


@pytest.mark.parametrize(
    ("policy", "pap", "tlp"),
    [
        ({"permitted_actions": "none"}, Pap.RED, Tlp.GREEN),
        ({"permitted_actions": "externally-visible-indirect-actions", "tlp": "amber"}, Pap.AMBER, Tlp.AMBER),
        ({"permitted_actions": "externally-visible-direct-actions", "tlp": "white"}, Pap.GREEN, Tlp.GREEN),
        ({"permitted_actions": "whatever", "tlp": "purple"}, Pap.RED, Tlp.RED),
        ({"Permitted-Actions": " Externally Visible Direct Actions "}, Pap.GREEN, Tlp.GREEN),
        ({"permitted_actions": "internally-visible-actions"}, Pap.RED, Tlp.GREEN),
        ({"permitted_actions": "contact-for-instruction"}, Pap.RED, Tlp.GREEN),
        ({"unmodified_resale": "must-not"}, None, Tlp.GREEN),
        ({}, None, Tlp.GREEN),
    ],
)
def test_a_policy_of_iep_narrows_the_labels(policy: dict[str, object], pap: Pap | None, tlp: Tlp) -> None:
    assert iep_limits(policy).narrowed(Marking(Tlp.GREEN)) == Marking(tlp, pap)
    assert iep_limits(policy).narrowed(Marking(Tlp.RED, Pap.RED)) == Marking(Tlp.RED, Pap.RED)


def test_a_policy_of_iep_hides_the_source_and_stops_notifications() -> None:
    limits = iep_limits({"provider_attribution": "must-not", "affected_party_notifications": "must-not"})
    clear, client = Marking(Tlp.CLEAR), Recipient(Audience.CLIENT)
    assert decide(clear, client, ReleasePurpose.REMEDIATION, iep=limits).rule == "iep-no-notification"
    fields = fields_for(Recipient(Audience.PARTNER), WORK, clear, iep=limits)
    assert "source.ip" in fields
    assert not {"feed.provider", "feed.name", "feed.code"} & set(fields)
    assert "feed.code" in fields_for(Recipient(Audience.PARTNER), WORK, clear)


def test_what_a_policy_of_iep_does_not_say_asks_for_nothing() -> None:
    assert iep_limits({"tlp": "green"}) == IepLimits(tlp=Tlp.GREEN)
    assert not iep_limits({"attribution": "must"}).anonymous
    assert iep_limits({"attribution": "must-not"}).anonymous
    may = dict.fromkeys(("encrypt_in_transit", "provider_attribution", "affected_party_notifications"), "May")
    assert iep_limits(may) == IepLimits()


@pytest.mark.parametrize("kind", TeamKind)
def test_a_recipient_has_what_the_directory_says_of_the_team(kind: TeamKind) -> None:
    told = recipient_of(replace(team(1, "csirt", "GREEN"), kind=kind, country="MU"))
    official = kind.value if kind in {TeamKind.POLICE, TeamKind.AUTHORITY} else ""
    assert (told.team, told.kind, told.country, told.official) == ("csirt", kind.value, "MU", official)
    assert (told.audience, told.ceiling, told.named) == (Audience.CLIENT, Tlp.GREEN, False)
    voluntary = decide(Marking(Tlp.CLEAR), told, ReleasePurpose.REMEDIATION, voluntary=True)
    assert voluntary.allowed == (not official)


COUNTRIES = st.sampled_from(["", "AA", "BB"])
TRANSFERS = st.builds(
    TransferRule,
    id=st.sampled_from(["r1", "r2", "r3"]),
    countries=st.frozensets(COUNTRIES),
    level=st.sampled_from(TransferLevel),
    classes=st.frozensets(st.sampled_from(DataClass), max_size=3),
    jurisdictions=st.frozensets(COUNTRIES, max_size=1),
    agreements=st.frozensets(st.sampled_from(["treaty", "mou"])),
    except_agreements=st.frozensets(st.sampled_from(["treaty"])),
    over=st.frozensets(st.sampled_from(["r1", "r2"]), max_size=1),
)


@given(
    st.sampled_from(Tlp), st.sampled_from(DataClass), st.sampled_from(SOURCES), COUNTRIES,
    st.lists(TRANSFERS, max_size=4),
)  # fmt: skip
def test_a_transfer_policy_only_narrows(
    tlp: Tlp, data: DataClass, source: ItemSource, country: str, rules: list[TransferRule]
) -> None:
    item = ReleaseItem(Marking(tlp), data, source, jurisdictions=frozenset({"AA"}))
    to = Recipient(Audience.PARTNER, country=country, party=PARTY, agreement=("mou",))
    verdict = decide_transfer(item, to, WORK, (), rules)
    gate = decide(item.marking, to, WORK, source=source)
    if not gate.allowed:
        assert (verdict.level, verdict.rule, verdict.ask) == (TransferLevel.NOTHING, gate.rule, gate.ask)
    assert (verdict.code is None) == (verdict.level is TransferLevel.CONTENT)
    plain = [rule for rule in rules if not rule.over]
    if gate.allowed and plain == rules:
        holding = [rule.level.rank for rule in rules if rule.holds(item, to)]
        assert verdict.level.rank == max(holding, default=0), "the stricter holds"


def test_reachability_data_is_open_unless_a_rule_names_it() -> None:
    item = ReleaseItem(Marking(Tlp.CLEAR), DataClass.REACHABILITY, OURS)
    to = Recipient(Audience.PARTNER, country="MU", party=PARTY)
    refuse = LocalRule("no-mu", words="Because.", countries=frozenset({"MU"}), refuse=True)
    closed = TransferRule("closed", countries=frozenset({"MU"}))
    assert decide_transfer(item, to, WORK, [refuse], [closed]).level is TransferLevel.CONTENT
    cited = TransferRule("law", classes=frozenset({DataClass.REACHABILITY}), cites="Act 7", code=TransferCode.LAW)
    verdict = decide_transfer(item, to, WORK, [refuse], [closed, cited])
    assert (verdict.level, verdict.rule, verdict.code, verdict.words) == (
        TransferLevel.NOTHING, "local:law", TransferCode.LAW, "Act 7",
    )  # fmt: skip


DOCS = Path(__file__).parents[3] / "docs"
WRITTEN, RULES_PAGE = ((DOCS / page).read_text() for page in ("design/release.md", "rules.md"))


@pytest.mark.parametrize("rule", [*(one.id for one in RULES), *(one.id for one in FIELD_RULES)])
def test_a_rule_is_called_in_verdicts_as_the_page_of_rules_calls_it(rule: str) -> None:
    assert f"`{rule}`" in WRITTEN


@pytest.mark.parametrize(
    ("word", "kinds"),
    [("class", DataClass), ("purpose", ReleasePurpose), ("send", TransferLevel), ("code", RULE_CODES)],
)
def test_what_a_rule_may_say_is_what_the_page_of_rules_says(word: str, kinds: Iterable[StrEnum]) -> None:
    row = next(line for line in RULES_PAGE.splitlines() if line.startswith(f"| `{word}` |"))
    assert {one.value for one in kinds} <= {*re.findall(r"`([\w-]+)`", row)}


def test_partners_name_classes_and_codes_as_the_page_does() -> None:
    for word, kinds in (("Classes", DataClass), ("Codes", TransferCode)):
        paragraph = WRITTEN.partition(f"**{word}**")[2].partition("\n\n")[0]
        assert set(re.findall(r"`([\w-]+)`", paragraph)) == {one.value for one in kinds}


def test_what_nobody_said_of_a_recipient_a_source_or_a_rule_opens_nothing() -> None:
    for audience in Audience:
        nothing = Recipient(audience, False, Tlp.RED, "", "", "", "", "", "", False, (), False)
        assert Recipient(audience) == nothing
    assert ItemSource() == ItemSource("", "", False, (), 0, False)
    rule = TransferRule("r")
    assert (rule.level, rule.code, rule.cites, rule.why, rule.document) == (
        TransferLevel.NOTHING, TransferCode.POLICY, "", "", "",
    )  # fmt: skip
    item = ReleaseItem(Marking(Tlp.GREEN))
    assert (item.data, item.voluntary, item.restricted) == (DataClass.TECHNICAL, False, False)


@pytest.mark.parametrize("audience", Audience)
def test_what_its_source_recalled_goes_to_nobody_else_whatever_its_label(audience: Audience) -> None:
    source = ItemSource("them", "a0", ours=True, recalled=True)
    to = Recipient(audience, named=True, party=PARTY, person_key=KEY, in_case=True)
    verdict = decide(Marking(Tlp.CLEAR), to, ReleasePurpose.REMEDIATION, source=source)
    assert verdict.allowed == (audience is Audience.OWN)
    if audience is not Audience.OWN:
        transfer = decide_transfer(ReleaseItem(Marking(Tlp.CLEAR), source=source), to, ReleasePurpose.REMEDIATION)
        assert (verdict.rule, transfer.rule) == ("recalled", "recalled")
        assert (transfer.level, transfer.code) == (TransferLevel.NOTHING, TransferCode.RECALLED)


def test_each_no_that_no_label_opens_has_its_code_for_the_partner() -> None:
    """By it the partner's program knows what to do; of each the rule, too, as it is recorded."""
    to = Recipient(Audience.PARTNER, party=PARTY, official="authority", plain=True)
    encrypted = iep_limits({"encrypt_in_transit": "must"})
    green, amber = Marking(Tlp.GREEN), Marking(Tlp.AMBER)
    items = {
        ("voluntary-official", TransferCode.VOLUNTARY): ReleaseItem(green, source=OURS, voluntary=True),
        ("restricted-incident", TransferCode.RESTRICTED): ReleaseItem(green, source=OURS, restricted=True),
        ("source-unknown", TransferCode.CONSENT): ReleaseItem(amber),
        ("ask-source", TransferCode.CONSENT): ReleaseItem(amber, source=ItemSource("them", "a0")),
        ("iep-encrypt", TransferCode.CHANNEL): ReleaseItem(green, source=OURS, iep=encrypted),
        ("tlp-red-role", TransferCode.MARKING): ReleaseItem(Marking(Tlp.RED), source=OURS),
    }
    for expected, item in items.items():
        verdict = decide_transfer(item, to, WORK)
        assert (verdict.rule, verdict.code) == expected
        assert verdict.words
        assert verdict.level is TransferLevel.NOTHING
    person = Recipient(Audience.PARTNER, named=True, party=PARTY, person_key=KEY)
    red = decide(Marking(Tlp.RED), person, WORK, source=OURS)
    assert (red.allowed, red.rule) == (False, "tlp-red-open")
