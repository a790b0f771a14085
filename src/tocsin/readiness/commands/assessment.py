"""`tocsin assessment`: what is asked, what was answered on what evidence, how sure it is, and what to do next."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.interface import Commands, Invocation, fields, note, print_table, say
from tocsin.node.errors import ConflictError, UsageError
from tocsin.readiness.commands import answers, plan, reviews
from tocsin.readiness.commands.answers import AssessmentId, By, perform, snapshot_of

if TYPE_CHECKING:
    from tocsin.readiness.assessment import Score, Snapshot

app = Commands(no_args_is_help=True, help="Assess readiness: frameworks, answers, evidence, measures, plans.")


def day(text: str) -> date:
    """The date in ``text``, as YYYY-MM-DD. Raises UsageError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"'{text}' is not a date.", hint="Write it as YYYY-MM-DD.") from error


@app.command()
def frameworks(call: Invocation) -> None:
    """List the frameworks on record, and those that come with Tocsin."""
    from tocsin.readiness.assessment import bundled, list_versions

    with call.database.begin() as session:
        held = list_versions(session)
    rows: list[tuple[str, str, str, int | str, str]] = [
        (v.framework, v.version, "published" if v.published_at else "draft", len(v.unassigned), v.title) for v in held
    ]
    known = {(v.framework, v.version) for v in held}
    rows += [
        (f.id, f.version, "comes along", "", f.title) for f in bundled().values() if (f.id, f.version) not in known
    ]
    columns = ("framework", "version", "state", "unassigned", "title")
    document = [{**dict(zip(columns, row, strict=True)), "unassigned": row[3] or 0} for row in rows]
    call.emit(
        document,
        lambda: print_table(
            "Frameworks", ("Framework", "Version", "State", "Without owner", "Title"), rows, numbers=[3]
        ),
    )


@app.command()
def show_framework(
    call: Invocation, framework: str, version: Annotated[str, typer.Argument(help="Empty: as it comes.")] = ""
) -> None:
    """Show the pillars, indicators and questions of a framework, and whose words they are."""
    from tocsin.readiness.assessment import bundled_framework, get_version, responsible

    if version:
        with call.database.begin() as session:
            row, found = get_version(session, framework, version)
            people = responsible(session, row.id)
    else:
        found, people = bundled_framework(framework), {}

    def human() -> None:
        say(f"{found.title} ({found.id} {found.version})")
        say(f"Original: {found.origin.original} ({found.origin.source})")
        say(f"Ours: {found.origin.ours}")
        for name, scale in found.scales.items():
            levels = ", ".join(f"{index} = {level.label}" for index, level in enumerate(scale.levels))
            say(f"Levels of '{name}': {levels}")
        rows = [
            (indicator.id, question.id, question.text, question.scale, people.get(indicator.id, "nobody"))
            for _, indicator in found.indicators()
            for question in indicator.question
        ]
        print_table("", ("Indicator", "Question", "Text", "Levels", "Responsible"), rows)

    call.emit({**found.document(), "digest": found.digest(), "responsible": people}, human)


@app.command()
def copy_framework(
    call: Invocation,
    framework: Annotated[str, typer.Argument(help="A name from 'frameworks' that comes along.")],
    out: Annotated[Path, typer.Option(help="The TOML file to write.")],
) -> None:
    """Write the file of a framework that comes with Tocsin, to make a version of your own from."""
    from tocsin.readiness.assessment import bundled_text

    if out.exists():
        raise ConflictError(f"'{out}' is there already, and is not written over.")
    out.write_text(bundled_text(framework), encoding="utf-8")
    call.emit({"framework": framework, "file": str(out)}, f"'{framework}' is in {out}.")


@app.command()
def check_framework(call: Invocation, file: Path) -> None:
    """Check a framework file without taking it in."""
    from tocsin.readiness.assessment import load_framework

    found = load_framework(file)
    document = {
        "framework": found.id,
        "version": found.version,
        "digest": found.digest(),
        "pillars": len(found.pillar),
        "indicators": sum(1 for _ in found.indicators()),
        "questions": len(found.questions()),
    }
    call.emit(
        document,
        f"{file} is sound: {document['pillars']} pillars, {document['indicators']} indicators, "
        f"{document['questions']} questions.",
    )


@app.command()
def import_framework(
    call: Invocation, source: Annotated[str, typer.Argument(help="A TOML file, or a name from 'frameworks'.")], by: By
) -> None:
    """Take a framework version in as a draft."""
    from tocsin.readiness.assessment import bundled_framework, list_versions, load_framework

    found = load_framework(Path(source)) if source.endswith(".toml") else bundled_framework(source)
    perform(call, "importFrameworkVersion", by, framework=found)
    with call.database.begin() as session:
        others = [
            v.version for v in list_versions(session) if (v.framework, v.version != found.version) == (found.id, True)
        ]
    if others and found.crosswalk is None:
        note(f"No crosswalk leads here from version {', '.join(others)}: years under them will not be compared.")
    document = {"framework": found.id, "version": found.version, "digest": found.digest()}
    call.emit(document, f"'{found.id}' {found.version} is on record ({found.digest()[:12]}).")


@app.command()
def assign(
    call: Invocation,
    framework: str,
    version: str,
    criterion: Annotated[str, typer.Argument(help="An indicator, a pillar, 'all', or 'unassigned'.")],
    *,
    to: Annotated[str, typer.Option(help="Who keeps it: a person or an office.")],
    by: By,
) -> None:
    """Say who is responsible for a criterion."""
    of = {"framework": framework, "version": version, "criterion": criterion}
    count = perform(call, "assignCriteria", by, **of, name=to)
    call.emit({"assigned": count, "to": to}, f"{to} is responsible for {count} criteria.")


@app.command()
def publish(call: Invocation, framework: str, version: str, by: By) -> None:
    """Publish a version; from then on its text stays as it is."""
    held = perform(call, "publishVersion", by, framework=framework, version=version)
    document = {"framework": framework, "version": version, "digest": held.digest, "published_at": held.published_at}
    call.emit(document, f"'{framework}' {version} is published ({held.digest[:12]}).")


@app.command()
def start(
    call: Invocation,
    unit: Annotated[str, typer.Argument(help="Whom it is about: an ISO 3166-1 alpha-3 code, or a team's name.")],
    framework: str,
    version: str,
    *,
    by: By,
    as_of: Annotated[str, typer.Option(help="The date that the answers describe.")],
    name: Annotated[str, typer.Option(help="The unit's name in words.")] = "",
    group: Annotated[list[str] | None, typer.Option(help="KEY=VALUE, such as income=low; may be repeated.")] = None,
) -> None:
    """Start an assessment of a unit under a published version."""
    pairs = [pair.partition("=") for pair in group or []]
    wrong = [key for key, sign, value in pairs if not (key and sign and value)]
    if wrong:
        raise UsageError(f"--group takes KEY=VALUE, not '{wrong[0]}'.")
    given = {"unit": unit, "name": name or unit, "groups": {key: value for key, _, value in pairs}, "as_of": day(as_of)}
    made = perform(call, "startAssessment", by, framework=framework, version=version, **given)
    document = {"assessment": made.id, "unit": unit, "framework": framework, "version": version, "as_of": made.as_of}
    call.emit(document, f"Assessment {made.id} of {made.unit_name} is open.")


@app.command("list")
def list_assessments(call: Invocation) -> None:
    """List the assessments."""
    from sqlalchemy import select

    from tocsin.readiness.assessment import Assessment, FrameworkVersion

    with call.database.begin() as session:
        found = session.execute(
            select(Assessment, FrameworkVersion)
            .join(FrameworkVersion, FrameworkVersion.id == Assessment.version_id)
            .order_by(Assessment.unit, Assessment.as_of)
        ).all()
    rows = [
        (a.id, a.unit, a.unit_name, v.framework, v.version, str(a.as_of), "closed" if a.closed_at else "open")
        for a, v in found
    ]
    columns = ("assessment", "unit", "name", "framework", "version", "as_of", "state")
    document = [dict(zip(columns, row, strict=True)) for row in rows]
    call.emit(document, lambda: print_table("Assessments", [c.capitalize() for c in columns], rows))


@app.command()
def close(call: Invocation, assessment: AssessmentId, by: By) -> None:
    """Close an assessment: no more answers; disputes about it go on."""
    perform(call, "closeAssessment", by, assessment=assessment)
    call.emit({"assessment": assessment, "state": "closed"}, f"Assessment {assessment} is closed.")


@app.command()
def queries(call: Invocation) -> None:
    """List the queries that measure, with their methods and the facts they take."""
    from tocsin.readiness.assessment import QUERIES

    document = [{"query": q.name, **fields(q, "version title method"), "columns": dict(q.columns)} for q in QUERIES]
    rows = [(q.name, q.version, q.title, ", ".join(column for column, _ in q.columns)) for q in QUERIES]
    call.emit(document, lambda: print_table("Queries", ("Query", "Version", "Measures", "Facts"), rows))


@app.command()
def measure(
    call: Invocation,
    assessment: AssessmentId,
    query: Annotated[str, typer.Argument(help="'queries' lists them.")],
    *,
    by: By,
    facts: Annotated[
        Path | None, typer.Option(help="CSV with the columns that the query takes; else this node's own records.")
    ] = None,
    as_of: Annotated[str, typer.Option(help="When the facts were true, ISO 8601 with time zone; empty: now.")] = "",
) -> None:
    """Measure an indicator from facts, and keep the value with its method, coverage and interval."""
    from tocsin.readiness.assessment import read_csv

    moment = call.now
    if as_of:
        moment = datetime.combine(day(as_of), datetime.min.time(), UTC) if len(as_of) == 10 else _moment(as_of)
    rows = read_csv(facts, ()) if facts is not None else _own_facts(call, assessment, query, moment)
    made = perform(call, "measureQuestion", by, assessment=assessment, query=query, facts=rows, as_of=moment)
    value = "nothing observed" if made.value is None else f"{made.value:.1%}"
    call.emit(
        made.__dict__,
        f"{query}: {value}, 95 % interval {made.low:.1%} to {made.high:.1%}; "
        f"{made.observed:,} of {made.total:,} looked at.",
    )


def _own_facts(call: Invocation, assessment: int, query: str, moment: datetime) -> list[dict[str, str]]:
    """The facts of this node for the unit of an assessment."""
    from tocsin.readiness.assessment import find_query, open_assessment

    find_query(query)
    with call.database.begin() as session:
        unit = open_assessment(session, assessment)[0].unit
    return call.own_facts(query, unit=unit, at=moment)


@app.command()
def score(call: Invocation, assessment: AssessmentId) -> None:
    """Show the scores, as declared and as far as they are supported, each with its bounds."""
    snapshot = snapshot_of(call, assessment)
    declared, supported = snapshot.scores()
    rows = [
        (
            "  " * ("overall", "pillar", "indicator", "question").index(item.kind) + item.id,
            item.title,
            _words(item),
            _words(supported[item.id]),
            f"{supported[item.id].known:.0%}",
        )
        for item in declared.values()
        if item.kind != "question" and item.id in supported
    ]
    columns = ("Part", "Title", "As declared", "Supported", "Supported by weight")
    call.emit(_score_document(snapshot), lambda: print_table(snapshot.unit_name, columns, rows, numbers=[2, 3, 4]))


@app.command()
def report(
    call: Invocation,
    assessment: AssessmentId,
    out: Annotated[Path, typer.Option(help="FILE.html, .pdf, .xlsx or .csv.")],
    peers: Annotated[str, typer.Option(help="Compare with units of the same group, such as income.")] = "",
) -> None:
    """Write the report of an assessment: profile, questionnaire, plan, targets, what-if, open data and recipe."""
    from tocsin.interface.documents import write_report
    from tocsin.readiness.report import assessment_report, gather

    with call.database.begin() as session:
        material = gather(session, assessment, peers=peers)
    write_report(assessment_report(material, made_on=call.now.date()), out)
    note(f"Written: {out}")
    call.emit({"report": str(out), "assessment": assessment}, str(out))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"'{text}' is not a time in ISO 8601.") from error
    if moment.tzinfo is None:
        raise UsageError(f"'{text}' has no time zone.", hint="Add Z for UTC.")
    return moment


def _words(item: "Score") -> str:
    if item.point is None and (item.low, item.high) == (0, 100):
        return "unknown"
    point = "unknown" if item.point is None else f"{item.point:.1f}"
    return f"{point} [{item.low:.1f} to {item.high:.1f}]"


def _score_document(snapshot: "Snapshot") -> dict[str, object]:
    from tocsin.readiness.assessment import profiles

    held = snapshot.held()
    declared, supported = snapshot.scores()
    levels = {question: item.answer.level for question, item in held.items()}
    return {
        "unit": snapshot.unit,
        "framework": snapshot.framework.id,
        "version": snapshot.framework.version,
        "digest": snapshot.framework.digest(),
        "as_of": snapshot.as_of,
        "declared": [item.__dict__ for item in declared.values()],
        "supported": [item.__dict__ for item in supported.values()],
        "answers": {
            question: {**item.answer.__dict__, "supported": item.supported, "why": item.why}
            for question, item in held.items()
        },
        "profiles": [item.__dict__ for item in profiles(snapshot.framework, levels)],
    }


app.add_typer(reviews.evidence, name="evidence")
app.add_typer(plan.plan, name="plan")
for command in (
    answers.sheet,
    answers.answer,
    answers.answers,
    reviews.review,
    reviews.dispute,
    reviews.decide,
    reviews.appeal,
    reviews.statements,
    plan.compare,
    plan.target,
    plan.targets,
    plan.rank,
    plan.opt_in,
    plan.opt_out,
):
    app.command()(command)
