"""Frameworks as data: pillars, indicators, questions, scales, profiles and targets, read from a TOML file.

A framework file is written by hand and checked on load. What is checked beyond types: identifiers are unique, each
question names a scale that exists, scales rise from 0 to 1, profiles and targets name things that exist, and the file
says what is its author's own and what is taken from the original.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tocsin.node.errors import InputError, NotFoundError

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]
Text = Annotated[str, Field(min_length=1)]
Relation = Literal["same", "narrower", "broader", "new", "dropped"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class ScaleLevel(_Part):
    """One step of a scale; ``value`` is its worth from 0 to 1."""

    label: Text
    value: float = Field(ge=0, le=1)
    text: str = ""


class Scale(_Part):
    """Steps from worst to best; an answer is the index of a step."""

    levels: tuple[ScaleLevel, ...] = Field(min_length=2)


class Goalposts(_Part):
    """How a measured value becomes a score: ``worst`` is 0, ``best`` is 1, straight between, never outside."""

    query: Identifier
    worst: float
    best: float


class FrameworkQuestion(_Part):
    """What is asked; ``measured`` says which query answers it from data."""

    id: Identifier
    text: Text
    scale: Identifier
    weight: float = Field(1.0, gt=0)
    evidence: str = ""
    may_not_apply: bool = False
    measured: Goalposts | None = None


class Indicator(_Part):
    """One criterion. ``responsible`` is who keeps it; without one its version cannot be published."""

    id: Identifier
    title: Text
    text: str = ""
    standing: str = ""
    responsible: str = ""
    weight: float = Field(1.0, gt=0)
    question: tuple[FrameworkQuestion, ...] = Field(min_length=1)


class Pillar(_Part):
    """A group of indicators. ``standing`` says how far its wording is agreed, where that matters."""

    id: Identifier
    title: Text
    text: str = ""
    standing: str = ""
    weight: float = Field(1.0, gt=0)
    indicator: tuple[Indicator, ...] = Field(min_length=1)


class TargetProfile(_Part):
    """A named set of minimum levels: indicator id → level index that each of its questions must reach."""

    title: Text
    minimum: dict[Identifier, int]


class Target(_Part):
    """A goal that the framework itself names; ``of`` is ``overall`` or the id of a pillar or an indicator."""

    id: Identifier
    title: Text
    of: Identifier = "overall"
    kind: Literal["relative", "points", "gap", "reach"]
    goal: float
    baseline: int
    end: int


class Origin(_Part):
    """Where the framework comes from, and whose words are whose."""

    source: Text
    original: Text
    ours: Text
    licence: Text


class MappingLine(_Part):
    """One line of a crosswalk: what the *new* question is, compared with the old one."""

    from_question: Identifier | None = Field(None, alias="from")
    to_question: Identifier | None = Field(None, alias="to")
    relation: Relation
    note: str = ""


class Crosswalk(_Part):
    """How the questions of this version follow from those of ``from_version``."""

    from_version: Text
    mapping: tuple[MappingLine, ...] = ()


class Framework(_Part):
    """One version of a framework, complete."""

    id: Identifier
    version: Identifier
    title: Text
    language: str = Field("en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$")
    origin: Origin
    scales: dict[Identifier, Scale]
    pillar: tuple[Pillar, ...] = Field(min_length=1)
    profiles: dict[Identifier, TargetProfile] = Field(default_factory=dict)
    target: tuple[Target, ...] = ()
    crosswalk: Crosswalk | None = None

    def indicators(self) -> Iterator[tuple[Pillar, Indicator]]:
        """Each indicator with its pillar, in order."""
        for pillar in self.pillar:
            for indicator in pillar.indicator:
                yield pillar, indicator

    def questions(self) -> dict[str, FrameworkQuestion]:
        """Question id → question, in order."""
        return {question.id: question for _, indicator in self.indicators() for question in indicator.question}

    def question(self, question_id: str) -> FrameworkQuestion:
        """The question of that id.

        Raises:
            NotFoundError: this version has no such question.

        """
        found = self.questions().get(question_id)
        if found is None:
            raise NotFoundError(
                f"Framework '{self.id}' {self.version} has no question '{question_id}'.",
                hint="'tocsin assessment show-framework' lists them.",
            )
        return found

    def level(self, question: FrameworkQuestion, given: str) -> int:
        """The index of a level, from its index or its label.

        Raises:
            InputError: the scale of that question has no such level.

        """
        levels = self.scales[question.scale].levels
        labels = [level.label.casefold() for level in levels]
        if given.strip().isdecimal() and int(given) < len(levels):
            return int(given)
        if given.strip().casefold() in labels:
            return labels.index(given.strip().casefold())
        known = ", ".join(f"{index} = {level.label}" for index, level in enumerate(levels))
        raise InputError(f"Question '{question.id}' has no level '{given}'.", hint=f"Levels: {known}.")

    def document(self) -> dict[str, object]:
        """The framework as plain data, the form in which it is stored."""
        return self.model_dump(mode="json", by_alias=True)

    def digest(self) -> str:
        """SHA-256 of the stored form, keys sorted: the identity of the text."""
        canonical = json.dumps(self.document(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def load_framework(path: Path) -> Framework:
    """The framework in a TOML file.

    Raises:
        NotFoundError: there is no such file.
        InputError: the file breaks a rule; the message names file, line or key, and the rule.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no framework file '{path}'.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8.", hint="Save the file as UTF-8.") from error
    return parse_framework(text, str(path))


def parse_framework(text: str, name: str) -> Framework:
    """The framework in TOML text; ``name`` is what errors call it.

    Raises:
        InputError: the text breaks a rule; the message names ``name``, line or key, and the rule.

    """
    try:
        given = tomllib.loads(text)
        framework = Framework.model_validate(given)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: not valid TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key, ident = _key(given, first["loc"])
        raise InputError(f"{name}{_line(text, ident)}: {key}: {first['msg']}.") from error
    for ident, problem in _problems(framework):
        raise InputError(f"{name}{_line(text, ident)}: {problem}.")
    return framework


def from_document(document: Mapping[str, object]) -> Framework:
    """The framework from its stored form."""
    return Framework.model_validate(document)


def bundled() -> dict[str, Framework]:
    """The frameworks that come with Tocsin, by id."""
    return {framework.id: framework for framework, _ in _bundled_files()}


def bundled_text(framework_id: str) -> str:
    """The TOML file of a framework that comes with Tocsin, as written: the start of a version of one's own.

    Raises:
        NotFoundError: none has that id.

    """
    wanted = bundled_framework(framework_id).id
    return next(text for framework, text in _bundled_files() if framework.id == wanted)


def _bundled_files() -> Iterator[tuple[Framework, str]]:
    folder = files("tocsin.readiness") / "frameworks"
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            text = entry.read_text(encoding="utf-8")
            yield parse_framework(text, entry.name), text


def bundled_framework(framework_id: str) -> Framework:
    """The framework of that id that comes with Tocsin.

    Raises:
        NotFoundError: none has that id.

    """
    known = bundled()
    if framework_id not in known:
        raise NotFoundError(
            f"No framework called '{framework_id}' comes with Tocsin.", hint=f"There are: {', '.join(known)}."
        )
    return known[framework_id]


def _problems(framework: Framework) -> Iterator[tuple[str, str]]:
    # Each problem with the identifier on whose line it is found.
    yield from _repeated("pillar", [pillar.id for pillar in framework.pillar])
    yield from _repeated("indicator", [indicator.id for _, indicator in framework.indicators()])
    every = [q for _, indicator in framework.indicators() for q in indicator.question]
    yield from _repeated("question", [question.id for question in every])
    yield from _repeated("target", [target.id for target in framework.target])
    for name, scale in framework.scales.items():
        values = [level.value for level in scale.levels]
        if values[0] != 0 or values[-1] != 1 or any(a >= b for a, b in pairwise(values)):
            yield name, f"scales.{name}: the values of the levels must rise from 0 to 1, and are {values}"
    for question in every:
        if question.scale not in framework.scales:
            known = ", ".join(framework.scales)
            yield question.id, f"question '{question.id}': scale '{question.scale}' is none of {known}"
        if question.measured and question.measured.worst == question.measured.best:
            yield question.id, f"question '{question.id}': measured.worst and measured.best must differ"
    yield from _profile_problems(framework)
    places = {"overall", *(pillar.id for pillar in framework.pillar), *(i.id for _, i in framework.indicators())}
    for target in framework.target:
        if target.of not in places:
            yield target.id, f"target '{target.id}': of = '{target.of}' is no pillar or indicator of this file"
        if target.end <= target.baseline:
            yield target.id, f"target '{target.id}': end {target.end} must come after baseline {target.baseline}"
    yield from _crosswalk_problems(framework)


def _profile_problems(framework: Framework) -> Iterator[tuple[str, str]]:
    indicators = {indicator.id: indicator for _, indicator in framework.indicators()}
    for name, profile in framework.profiles.items():
        for ident, level in profile.minimum.items():
            if ident not in indicators:
                yield name, f"profiles.{name}: '{ident}' is no indicator of this file"
                continue
            top = min(len(framework.scales[q.scale].levels) for q in indicators[ident].question) - 1
            if not 0 <= level <= top:
                yield name, f"profiles.{name}: level {level} of '{ident}' is not between 0 and {top}"


def _crosswalk_problems(framework: Framework) -> Iterator[tuple[str, str]]:
    own = framework.questions()
    for line in framework.crosswalk.mapping if framework.crosswalk else ():
        ends = {"new": (False, True), "dropped": (True, False)}.get(line.relation, (True, True))
        if (line.from_question is not None, line.to_question is not None) != ends:
            need = " and ".join(word for word, wanted in zip(("from", "to"), ends, strict=True) if wanted)
            yield "crosswalk", f"crosswalk: a mapping that is '{line.relation}' takes {need}, no more and no less"
        if line.to_question is not None and line.to_question not in own:
            yield "crosswalk", f"crosswalk: to = '{line.to_question}' is no question of this file"


def _repeated(kind: str, idents: list[str]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for ident in idents:
        if ident in seen:
            yield ident, f"{kind} '{ident}' stands twice; each identifier may stand once"
        seen.add(ident)


def _key(given: object, location: tuple[int | str, ...]) -> tuple[str, str]:
    # A path a person can follow: list places are named by the id that stands there.
    words: list[str] = []
    ident = ""
    here: object = given
    for step in location:
        if isinstance(step, int) and isinstance(here, list) and step < len(here):
            here = here[step]
            named = here.get("id") if isinstance(here, dict) else None
            ident = str(named) if named else ident
            words[-1:] = [f"{words[-1] if words else ''} '{named}'" if named else f"{words[-1]}[{step + 1}]"]
        else:
            here = here.get(str(step)) if isinstance(here, dict) else None
            words.append(str(step))
    return " > ".join(words), ident


def _line(text: str, ident: str) -> str:
    # The last line that introduces the identifier; TOML readers in the standard library give no positions.
    if not ident:
        return ""
    pattern = re.compile(rf"""(?:\bid\s*=\s*["']{re.escape(ident)}["']|^\s*+\[(?>.*?\b{re.escape(ident)}\b).*\])""")
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if pattern.search(line)]
    return f", line {lines[-1]}" if lines else ""
