"""Every act has its sentence, so that the public history can be read by everybody."""

from typing import get_args

import pytest

from tocsin.drafting import acts
from tocsin.drafting.model import PositionKind
from tocsin.drafting.sentences import _SENTENCES, sentence


def test_every_act_has_a_sentence() -> None:
    kinds = get_args(get_args(acts.Act)[0])
    assert {kind.__dataclass_fields__["act"].default for kind in kinds} == set(_SENTENCES)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (
            acts.Declare("p-1", "P.b", "Aland", PositionKind.MERGE, 0, "they {overlap}", None, "P.a"),
            "Aland says 'merge' on P.b into P.a, since: they {overlap} (position p-1)",
        ),
        (acts.Accept("P.a", "e1"), "P.a: the words of e1 accepted"),
        (acts.Accept("P.a", None, "p3"), "P.a: position p3 accepted"),
        (acts.Move("P.a", "P", None), "P.a is printed first in P"),
        (acts.PutInBrackets("P.a", "[x]", ("e1", "e2")), "P.a: left open in brackets, out of e1, e2"),
        (acts.Combine("P.a", "x", ()), "P.a: worded by the chair"),
        (acts.Undo(4), "Step 4 is undone"),
    ],
)
def test_a_sentence_says_who_did_what_to_what(act: acts.Act, said: str) -> None:
    assert sentence(act) == said
