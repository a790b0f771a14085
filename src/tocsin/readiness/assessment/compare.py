"""Two years side by side, fairly: both under one version, and chain-linked where the criteria changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from tocsin.node.errors import InputError
from tocsin.readiness.assessment.crosswalk import ChainLink, QuestionLink, chain_link, relations, reverse, translate
from tocsin.readiness.assessment.frameworks import Framework, Relation
from tocsin.readiness.assessment.plan import ActionOutcome, outcomes
from tocsin.readiness.assessment.scoring import QuestionScore, Score, score
from tocsin.readiness.assessment.snapshot import Snapshot, read_snapshot
from tocsin.readiness.assessment.versions import get_version, path_between

Readings = Mapping[str, QuestionScore | None]


@dataclass(frozen=True)
class AssessmentComparison:
    """Two assessments of one framework. Scores are as declared, both under ``under``.

    ``linked`` is None where the version did not change or where nothing can be linked; ``why`` then says so.
    """

    first: Snapshot
    second: Snapshot
    under: Framework
    first_scores: Mapping[str, Score]
    second_scores: Mapping[str, Score]
    relations: Mapping[Relation, int]
    linked: ChainLink | None
    why: str
    outcomes: tuple[ActionOutcome, ...]


def compare(session: Session, first_id: int, second_id: int, under: str | None = None) -> AssessmentComparison:
    """The earlier assessment against the later one; ``under`` is a version, by default the later one's.

    Raises:
        NotFoundError: no such assessment or version.
        InputError: the assessments are of different frameworks, or no crosswalk joins their versions.

    """
    first, second = sorted(
        (read_snapshot(session, first_id), read_snapshot(session, second_id)), key=lambda held: (held.as_of, held.id)
    )
    old, new = first.framework, second.framework
    if old.id != new.id:
        raise InputError(f"Assessments {first_id} and {second_id} are of different frameworks: {old.id}, {new.id}.")
    common = new if under is None else get_version(session, new.id, under)[1]
    chain = joined(session, old, new)
    linked, why = None, "Both years are under the same version; the scores compare as they are."
    if chain:
        try:
            linked, why = chain_link(old, new, chain, first.declared(), second.declared()), ""
        except InputError as error:
            why = str(error)
    return AssessmentComparison(
        first=first,
        second=second,
        under=common,
        first_scores=score(common, read_under(session, first, common)),
        second_scores=score(common, read_under(session, second, common)),
        relations=dict(relations(chain)),
        linked=linked,
        why=why,
        outcomes=tuple(outcomes(first, second)),
    )


def read_under(session: Session, snapshot: Snapshot, framework: Framework, *, supported: bool = False) -> Readings:
    """The readings of an assessment, as declared or as far as supported, on the questions of another version.

    Raises:
        InputError: no crosswalk joins the versions.

    """
    chain = joined(session, snapshot.framework, framework)
    readings = snapshot.supported() if supported else snapshot.declared()
    return translate(readings, chain) if chain else readings


def joined(session: Session, old: Framework, new: Framework) -> list[QuestionLink]:
    """The links from one version to another, forward or backward, over any versions between; empty when equal.

    Raises:
        InputError: no crosswalk joins the versions.

    """
    try:
        steps = [links for _, links in path_between(session, old, new)]
    except InputError:
        steps = [reverse(links) for _, links in path_between(session, new, old)][::-1]
    chain: list[QuestionLink] = []
    for number, step in enumerate(steps):
        chain = step if number == 0 else _compose(chain, step)
    return chain


def _compose(first: list[QuestionLink], second: list[QuestionLink]) -> list[QuestionLink]:
    # old → middle → new; what is new or dropped on the way stays so.
    after: dict[str, list[QuestionLink]] = {}
    for link in second:
        if link.old is not None:
            after.setdefault(link.old, []).append(link)
    result = [QuestionLink(None, link.new, "new", link.note) for link in second if link.old is None]
    for link in first:
        for onward in after.get(link.new or "", [QuestionLink(link.new, None, "dropped")]):
            result += _step(link, onward)
    return result


def _step(first: QuestionLink, second: QuestionLink) -> list[QuestionLink]:
    note = "; ".join(filter(None, (first.note, second.note)))
    if first.old is None:
        return [] if second.new is None else [QuestionLink(None, second.new, "new", note)]
    if second.new is None:
        return [QuestionLink(first.old, None, "dropped", note)]
    kinds = {first.relation, second.relation} - {"same"}
    if not kinds:
        return [QuestionLink(first.old, second.new, "same", note)]
    if len(kinds) == 1:
        return [QuestionLink(first.old, second.new, "broader" if "broader" in kinds else "narrower", note)]
    # Once wider and once narrower: the old answer says nothing certain any more.
    return [QuestionLink(first.old, None, "dropped", note), QuestionLink(None, second.new, "new", note)]
