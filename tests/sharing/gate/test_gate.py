"""Nothing leaves above its audience, and each yes and no names its rule."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.directory import Team
from tocsin.events.schema import BY_NAME, Privacy
from tocsin.sharing.gate import (
    FIELD_RULES,
    RULES,
    Audience,
    Marking,
    Pap,
    Recipient,
    ReleaseAction,
    ReleasePurpose,
    Tlp,
    allowed_teams,
    decide,
    fields_for,
    highest,
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
    Tlp.CLEAR: {Audience.OWN, Audience.CLIENT, Audience.COMMUNITY, Audience.PUBLIC},
    Tlp.GREEN: {Audience.OWN, Audience.CLIENT, Audience.COMMUNITY},
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
    assert verdict.rule in {rule.id for rule in RULES} | {"recipient-ceiling", "no-rule"}
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


def test_rule_ids_are_unique() -> None:
    ids = [rule.id for rule in RULES] + [rule.id for rule in FIELD_RULES]

    assert len(set(ids)) == len(ids)
