"""Which answer counts, and whether it is supported."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.readiness.assessment import (
    AnswerFacts,
    EvidenceFacts,
    Measurement,
    Score,
    StatementFacts,
    measure,
    score,
)
from tocsin.readiness.assessment.effective import EffectiveAnswer, held_answers, standing, supported_readings
from tocsin.readiness.assessment.frameworks import bundled_framework

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = date(2026, 6, 30)


def answer(level: int, status: str = "declared", kind: str = "self", *, after: int = 0) -> AnswerFacts:
    return AnswerFacts("q", level, status, kind, "somebody", "", START + timedelta(days=after))


def evidence(until: date | None = None) -> EvidenceFacts:
    return EvidenceFacts("q", "0" * 64, "Decree", "d.pdf", "", "en", 10, None, until)


def said(ident: int, kind: str, about: int | None = None, outcome: str = "", *, after: int = 10) -> StatementFacts:
    return StatementFacts(ident, "q", kind, about, outcome, "x", "why", START + timedelta(days=after))


def held(
    *answers: AnswerFacts, pieces: tuple[EvidenceFacts, ...] = (), spoken: tuple[StatementFacts, ...] = ()
) -> EffectiveAnswer | None:
    return held_answers(answers, {"q": pieces}, {"q": standing(spoken)} if spoken else {}, DAY).get("q")


def test_the_newest_answer_of_the_strongest_kind_counts() -> None:
    found = held(answer(1), answer(3, after=1), answer(2, kind="peer", after=0))
    assert found is not None
    assert found.answer.level == 2

    newest = held(answer(1), answer(3, after=1))
    assert newest is not None
    assert (newest.answer.level, newest.supported, newest.why) == (3, False, "declared only")


def test_a_verified_answer_counts_before_a_later_declaration_while_its_evidence_holds() -> None:
    answers = (answer(2, "verified", "peer"), answer(4, after=5))
    valid, expired = held(*answers, pieces=(evidence(DAY),)), held(*answers, pieces=(evidence(date(2026, 6, 29)),))

    assert valid is not None
    assert (valid.answer.level, valid.supported) == (2, True)
    assert expired is not None
    assert (expired.supported, expired.why) == (False, "its evidence is no longer valid")


def test_an_open_dispute_suspends_support_and_a_rejected_one_gives_it_back() -> None:
    verified = answer(2, "verified", "peer")
    pending = held(verified, pieces=(evidence(),), spoken=(said(1, "dispute"),))
    rejected = held(verified, pieces=(evidence(),), spoken=(said(1, "dispute"), said(2, "decision", 1, "rejected")))

    assert pending is not None
    assert (pending.supported, pending.why) == (False, "disputed, not yet decided")
    assert rejected is not None
    assert rejected.supported


def test_an_upheld_dispute_voids_the_answers_before_it_only() -> None:
    spoken = (said(1, "dispute"), said(2, "decision", 1, "upheld", after=12))

    assert held(answer(2), spoken=spoken) is None
    later = held(answer(2), answer(1, after=13), spoken=spoken)
    assert later is not None
    assert later.answer.level == 1


def test_an_appeal_opens_the_matter_again_and_an_upheld_one_turns_the_decision() -> None:
    opened = (said(1, "dispute"), said(2, "decision", 1, "upheld"), said(3, "appeal", 2))
    turned = (*opened, said(4, "decision", 3, "upheld", after=20))
    kept = (*opened, said(4, "decision", 3, "rejected", after=20))

    assert standing(opened).open
    assert standing(opened).void_before is None
    assert not standing(turned).open
    assert standing(turned).void_before is None
    assert standing(kept).void_before == START + timedelta(days=10)


def test_a_review_alone_changes_nothing() -> None:
    found = held(answer(2, "verified", "peer"), pieces=(evidence(),), spoken=(said(1, "review"),))

    assert found is not None
    assert found.supported


@given(
    st.dictionaries(st.sampled_from(["bounced", "contact_coverage_as", "cirt_coverage"]), st.integers(0, 20)),
    st.sampled_from(["bounced", "contact_coverage_as", "cirt_coverage"]),
    st.integers(0, 20),
)
def test_measuring_more_only_narrows_what_is_supported(known: dict[str, int], query: str, yes: int) -> None:
    framework = bundled_framework("c5")

    def overall(counts: dict[str, int]) -> Score:
        measured = {name: measurement(name, count) for name, count in counts.items()}
        return score(framework, supported_readings(framework, {}, measured))["overall"]

    fewer = {name: count for name, count in known.items() if name != query}
    before, after = overall(fewer), overall({**fewer, query: yes})

    assert after.low >= before.low - 1e-9
    assert after.high <= before.high + 1e-9


def measurement(query: str, yes: int) -> Measurement:
    columns = {"bounced": ("delivery", "bounced"), "contact_coverage_as": ("asn", "contact")}
    name, state = columns.get(query, ("country", "registered"))
    rows = [{name: str(n), state: "yes" if n < yes else "no", "responsive": "yes"} for n in range(20)]
    return measure(query, rows, START)
