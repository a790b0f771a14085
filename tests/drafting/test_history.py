"""What happens to a text: every act, its undo, the chair's signature, and replay to every version."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tocsin.drafting import acts
from tocsin.drafting.agreement import AgreementRow, ProvisionAgreement, agreement
from tocsin.drafting.draft import ProvisionOutcome, TextState
from tocsin.drafting.history import HistoryStep, Signer, digest_of, extended, replayed, verify
from tocsin.drafting.model import EntryClass, PositionKind
from tocsin.drafting.plaintext import read_compilation
from tocsin.node.errors import ConflictError, InputError, NotFoundError, TocsinError, WithheldError

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
TEXT = read_compilation(
    "A text\n\n1.\tPillars\na) Share warnings [early] with everybody.\n\n"
    "· Aland, Government: Share warnings with all.\n\n"
    "b) Keep logs for a year. Delete them then.\n\n· Beland, Government: Keep logs for a month. Delete them then.\n\n"
    "c) Train people.\n\n2.\tTargets\na) Half of all by 2030.\n".encode()
)
CHAIR = Signer(Ed25519PrivateKey.from_private_bytes(b"\1" * 32))
OTHER = Signer(Ed25519PrivateKey.from_private_bytes(b"\2" * 32))


def history(*given_acts: acts.Act, signer: Signer | None = CHAIR) -> tuple[list[HistoryStep], TextState]:
    steps: list[HistoryStep] = []
    draft = None
    for count, act in enumerate((acts.Import(TEXT), *given_acts)):
        at = START + timedelta(minutes=count)
        step, draft = extended(steps, act, actor="secretariat", at=at, signer=signer, draft=draft)
        steps.append(step)
    assert draft is not None
    return steps, draft


def bases(draft: TextState) -> list[tuple[str, str, str]]:
    return [(p.id, p.label, p.base) for p in draft.printed()]


def appointed() -> acts.AppointChair:
    return acts.AppointChair("Chair", CHAIR.public)


def proposal(provision: str, text: str, name: str = "x1", generation: int = 0) -> acts.Propose:
    return acts.Propose(name, provision, "Celand", ("Celand",), "Government", text, generation)


def test_relabel_changes_what_is_printed_and_nothing_else() -> None:
    _, draft = history(acts.Relabel("P.c", "d"))
    assert ("P.c", "d", "Train people.") in bases(draft)


def test_merge_puts_the_words_together_and_keeps_what_was_said() -> None:
    _, draft = history(acts.MergeProvisions("P.c", "P.a"))
    assert bases(draft)[0] == ("P.a", "a", "Share warnings [early] with everybody. Train people.")
    assert draft.gone == {"P.c": "merged into P.a"}
    assert draft.base_of(draft.entries["e1"]) == "Share warnings [early] with everybody."


def test_split_makes_two_provisions_of_the_same_words() -> None:
    at = "Keep logs for a year.".__len__()
    _, draft = history(acts.SplitProvision("P.b", at, "P.b bis", "b bis"))
    assert bases(draft)[1:3] == [("P.b", "b", "Keep logs for a year."), ("P.b bis", "b bis", "Delete them then.")]


def test_move_new_and_delete() -> None:
    _, draft = history(
        acts.Move("P.a", "P", "P.c"),
        acts.New("T.b", "T", "b"),
        acts.Move("P.b", "T", None),
        acts.Delete("P.c", "agreed"),
    )
    assert [p.id for p in draft.printed()] == ["P.a", "P.b", "T.a", "T.b"]
    assert draft.provisions["P.b"].kind == "target"
    assert draft.gone == {"P.c": "agreed"}


def test_an_undo_gives_back_the_text_as_if_the_step_had_not_happened() -> None:
    steps, draft = history(acts.Relabel("P.a", "z"), acts.Delete("P.c", ""), acts.Undo(3))
    assert "P.c" in draft.order
    assert draft.provisions["P.a"].label == "z"
    _, again = extended(steps, acts.Undo(4), actor="secretariat", at=START)
    assert "P.c" not in again.order


def test_an_undo_that_later_steps_need_is_refused() -> None:
    steps, _ = history(acts.New("P.d", "P", "d"), proposal("P.d", "Count."))
    with pytest.raises(ConflictError, match="later steps build on it"):
        extended(steps, acts.Undo(2), actor="secretariat", at=START)


def test_a_proposal_is_compared_with_the_base_it_was_written_on() -> None:
    _, draft = history(
        appointed(), acts.Accept("P.b", "e2"), acts.Close(),
        proposal("P.b", "Keep logs for a year. Delete them then.", "old", 0),
        proposal("P.b", "Keep logs for a month. Delete them then.", "new", 1),
    )  # fmt: skip
    assert draft.generation == 1
    assert draft.provisions["P.b"].base == "Keep logs for a month. Delete them then."
    assert draft.entries["old"].entry_class is EntryClass.SAME_TEXT
    assert draft.entries["new"].entry_class is EntryClass.SAME_TEXT
    assert draft.positions["old-words"].kind is PositionKind.UNKNOWN


def test_a_rebase_needs_a_later_base() -> None:
    history_ = (appointed(), acts.Accept("P.b", "e2"), acts.Close())
    _, draft = history(*history_, acts.Rebase("e2", "Keep logs for a week. Delete them then.", 1))
    assert (draft.entries["e2"].generation, draft.entries["e2"].entry_class) == (1, EntryClass.CHANGED)
    with pytest.raises(ConflictError):
        history(acts.Rebase("e2", "No.", 0))


def test_who_spoke_on_older_words_has_not_spoken_on_the_new_ones() -> None:
    support = acts.Declare("d1", "P.b", "Celand", PositionKind.SUPPORT, 1)
    closed = (appointed(), acts.Accept("P.b", "e2"), acts.Close())

    def row(*more: acts.Act) -> AgreementRow:
        return next(row for row in agreement(history(*closed, *more)[1]) if row.provision.id == "P.b")

    assert (row().standing, list(row().cells), list(row().older)) == (ProvisionAgreement.UNKNOWN, [], ["Beland"])
    assert row(support).standing is ProvisionAgreement.STABLE
    assert row(support, acts.Rebase("e2", "Keep no logs. Delete them.", 1)).standing is ProvisionAgreement.CONTESTED


def test_words_on_an_older_base_are_not_accepted_unseen() -> None:
    with pytest.raises(ConflictError, match="other words now"):
        history(
            appointed(), proposal("P.b", "Keep all."), acts.Accept("P.b", "e2"), acts.Close(), acts.Accept("P.b", "x1")
        )


def test_only_the_chair_consolidates() -> None:
    with pytest.raises(WithheldError, match="has none"):
        history(acts.Accept("P.b", "e2"))
    steps, _ = history(appointed())
    for signer in (None, OTHER):
        with pytest.raises(WithheldError, match="not signed by the chair"):
            extended(steps, acts.Accept("P.b", "e2"), actor="x", at=START, signer=signer)
        with pytest.raises(WithheldError):
            extended(steps, acts.AppointChair("Other", OTHER.public), actor="x", at=START, signer=signer)


def test_the_chair_can_hand_over() -> None:
    steps, _ = history(appointed())
    step, _ = extended(steps, acts.AppointChair("Other", OTHER.public), actor="x", at=START, signer=CHAIR)
    steps.append(step)
    step, draft = extended(steps, acts.Leave("P.a"), actor="Other", at=START, signer=OTHER)
    verify([*steps, step])
    assert draft.chair == "Other"
    with pytest.raises(WithheldError):
        extended(steps, acts.Leave("P.a"), actor="Chair", at=START, signer=CHAIR)


def test_undoing_a_decision_of_the_chair_needs_the_chair() -> None:
    steps, _ = history(appointed(), acts.Leave("P.a"))
    with pytest.raises(WithheldError):
        extended(steps, acts.Undo(3), actor="x", at=START)
    step, draft = extended(steps, acts.Undo(3), actor="x", at=START, signer=CHAIR)
    assert step.signature
    assert not draft.decisions


def test_the_chair_can_accept_merge_bracket_leave_and_delete() -> None:
    deletion = acts.Declare("d1", "P.c", "Aland", PositionKind.DELETE, 0)
    _, draft = history(
        appointed(), deletion, acts.Accept("P.a", "e1"), acts.Combine("P.b", "Keep logs.", ("e2",)),
        acts.PutInBrackets("T.a", "[Half] of all by 2030.", ()), acts.Accept("P.c", position="d1"),
    )  # fmt: skip
    assert {name: decision.outcome for name, decision in draft.decisions.items()} == {
        "P.a": ProvisionOutcome.ACCEPTED, "P.b": ProvisionOutcome.MERGED, "T.a": ProvisionOutcome.BRACKETED,
        "P.c": ProvisionOutcome.DELETED,
    }  # fmt: skip
    assert draft.provisions["P.b"].base == "Keep logs for a year. Delete them then."
    assert draft.next_text("P.b") == "Keep logs."


def test_a_base_that_others_built_on_can_be_restored() -> None:
    deletion = acts.Declare("d1", "P.c", "Aland", PositionKind.DELETE, 0)
    steps, before = history(
        appointed(), deletion, acts.MergeProvisions("P.b", "P.a"), acts.Accept("P.c", position="d1"), acts.Close(),
        proposal("P.a", "Other words.", generation=2),
    )  # fmt: skip
    assert before.order == ["P.a", "T.a"]
    with pytest.raises(ConflictError):
        extended(steps, acts.Undo(6), actor="chair", at=START, signer=CHAIR)
    _, after = extended(steps, acts.Restore(0), actor="chair", at=START, signer=CHAIR)
    assert bases(after) == bases(history()[1])
    assert after.generation == 3
    assert after.entries["x1"].text == "Other words."


def test_what_is_restored_is_printed_where_it_stood() -> None:
    deletion = acts.Declare("d1", "P.a", "Aland", PositionKind.DELETE, 0)
    _, after = history(appointed(), deletion, acts.Accept("P.a", position="d1"), acts.Close(), acts.Restore(0))
    assert after.order == ["P.a", "P.b", "P.c", "T.a"]


def test_corrections_are_steps_with_a_reason() -> None:
    steps, draft = history(
        acts.CorrectPosition("p1", PositionKind.SUPPORT, "said so in the meeting"),
        acts.CorrectEntry("e2", "misheard", text="Keep logs for a year. Delete them then."),
        acts.Confirm("p2"),
    )
    assert (draft.positions["p1"].kind, draft.positions["p1"].inferred) == (PositionKind.SUPPORT, False)
    assert draft.positions["p1"].basis == "said so in the meeting"
    assert draft.entries["e2"].entry_class is EntryClass.SAME_TEXT
    assert draft.positions["p2"].confirmed
    assert [step.act().act for step in steps] == ["import", "correct-position", "correct-entry", "confirm"]


def test_a_comment_can_stand_on_characters_of_a_provision() -> None:
    _, draft = history(acts.AddComment("k1", "P.a", "Beland", "Why?", entry="e1", start=0, end=5))
    anchor = draft.comments["k1"].anchor
    assert anchor is not None
    assert draft.provisions["P.a"].base[anchor.start : anchor.end] == "Share"
    assert draft.entries["e1"].comments == ("k1",)
    with pytest.raises(ConflictError):
        history(acts.AddComment("k1", "P.a", "Beland", "Why?", start=0, end=500))


@pytest.mark.parametrize("words", ["\x1b[2J", "\b", "\x9b2J", "\0", "\ud800"])
def test_words_that_a_terminal_would_obey_are_refused(words: str) -> None:
    with pytest.raises(InputError):
        history(proposal("P.a", f"Share {words}"))


@pytest.mark.parametrize("words", ["\\b", "C:\\u001b", "tab\t, line\n, page\f", "\u200fعربي", '"quoted"'])
def test_other_words_are_kept_as_they_are(words: str) -> None:
    _, draft = history(proposal("P.a", words))
    assert draft.entries["x1"].text == words


@pytest.mark.parametrize("act", [acts.Relabel("X.y", "a"), acts.Confirm("p99"), acts.Undo(9), proposal("X.y", "?")])
def test_acts_on_what_is_not_there_are_refused(act: acts.Act) -> None:
    with pytest.raises(NotFoundError):
        history(act)


def test_a_changed_history_is_found_out() -> None:
    steps, _ = history(appointed(), acts.Leave("P.a"))
    verify(steps)
    first, second, third = steps
    for changed in (
        [first, replace(second, body=second.body.replace("Chair", "Chief")), third],
        [first, second, replace(third, prev="0" * 64)],
        [first, second, replace(third, result="1" * 64)],
        [first, second, replace(third, actor="nobody")],
        [first, second, replace(third, hash="2" * 64)],
        [first, third],
    ):
        with pytest.raises(InputError):
            verify(changed)
    with pytest.raises(WithheldError):
        verify([first, second, replace(third, signature="3" * 128)])


PROVISIONS = st.sampled_from(["P.a", "P.b", "P.c", "T.a"])
WORDS = st.text("ab [].", max_size=20)
ACTS = st.one_of(
    st.builds(acts.Leave, PROVISIONS),
    st.builds(acts.Accept, PROVISIONS, st.sampled_from(["e1", "e2"])),
    st.builds(acts.Combine, PROVISIONS, WORDS, st.just(("e1",))),
    st.builds(acts.PutInBrackets, PROVISIONS, WORDS, st.just(())),
    st.builds(acts.Close),
    st.builds(acts.Restore, st.integers(0, 2)),
    st.builds(acts.Relabel, PROVISIONS, st.sampled_from("abcdz")),
    st.builds(acts.MergeProvisions, PROVISIONS, PROVISIONS),
    st.builds(acts.Move, PROVISIONS, st.sampled_from("PT"), st.none()),
    st.builds(acts.Delete, PROVISIONS, st.just("")),
    st.builds(acts.Undo, st.integers(2, 8)),
)


@given(st.lists(ACTS, max_size=10))
def test_replay_gives_every_version_bit_for_bit(wanted: Sequence[acts.Act]) -> None:
    steps, draft = history(appointed())
    versions = [digest_of(draft)]
    for act in wanted:
        try:
            step, draft = extended(steps, act, actor="chair", at=START, signer=CHAIR)
        except TocsinError:
            continue
        steps.append(step)
        versions.append(digest_of(draft))
    verify(steps)
    assert [digest_of(replayed(steps, upto=seq)) for seq in range(2, len(steps) + 1)] == versions
