"""CSAF 2.0 and 2.1 documents, checked by the library ``csaf`` (extra ``formats``): the schema, and tests 6.1, 6.2, 6.3.

A fault of the schema or of a mandatory test (6.1) makes a document invalid; those of tests 6.2 and 6.3 are said beside.
Where the schema fails, the tests run nonetheless as far as they can. Tests that need the network (6.3.6, 6.3.7; in 2.1
also 6.2.55, 6.3.24) never run, nor do those that the library does not have: spelling (6.3.8), and in 2.1 6.2.54.1,
.2 and .4, and 6.3.16.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import Any, Final

from tocsin.exchange.formats import Fault, Verdict
from tocsin.exchange.formats.csaf_tests import is_scored_twice, overlap_test
from tocsin.exchange.formats.json_documents import parse_json
from tocsin.node.errors import InputError

MOST_FAULTS: Final = 1_000
MOST_BYTES: Final = 50 * 2**20
MOST_MEMBERS: Final = 1_000_000
"""Of a document: the library takes a second for 50,000 of them, and keeps all that it finds."""

_MOST_WRONG: Final = (1_000_000, 50)
"""Bytes of a document against the schema, and its faults there, with which the tests still run."""
_MOST_STOPS: Final = 20  # tests at which the library may fail: it begins anew after each
NOT_INSTALLED: Final = "Not checked: install tocsin[formats]."

NAMES_FILES: Final = True
_VALIDATORS: Final = {"2.0": "csaf.csaf.v20._validator", "2.1": "csaf.csaf.v21._validator"}
_ONLINE: Final = frozenset({"6.2.55", "6.3.6", "6.3.7", "6.3.24"})
_DECIDE: Final = frozenset({"schema", "mandatory"})
_LONGEST: Final = 300  # characters of a reason: the library cites whole objects

_OTHER_FILES: Final = {
    "metadata_version": "This is provider metadata, no advisory: it is not checked.",
    "aggregator_version": "This is an aggregator's list, no advisory: it is not checked.",
    "feed": "This is a ROLIE feed, no advisory: it is not checked.",
    "service": "This is a ROLIE service document, no advisory: it is not checked.",
    "categories": "This is a ROLIE category document, no advisory: it is not checked.",
}

# Tests whose parts the library says together: test, path, text in the reason, number of the part in the specification.
_PARTS: Final = tuple(
    (test, re.compile(path), text, part)
    for test, path, text, part in (
        ("6.1.27", r"/document/notes", "", 1),
        ("6.1.27", r"/document/references", "", 2),
        ("6.1.27", r"/vulnerabilities", "must not contain", 3),
        ("6.1.27", r"/product_tree", "", 4),
        ("6.1.27", r"/vulnerabilities/\d+/notes", "", 5),
        ("6.1.27", r"/vulnerabilities/\d+/product_status", "at least one product_status", 6),
        ("6.1.27", r"/vulnerabilities/\d+/product_status/\w+", "VEX product_status", 7),
        ("6.1.27", r"/vulnerabilities", "`cve`", 8),
        ("6.1.27", r"/vulnerabilities/\d+/product_status/known_not_affected/\d+", "impact statement", 9),
        ("6.1.27", r"/vulnerabilities/\d+/product_status/known_affected/\d+", "action statement", 10),
        ("6.1.27", r"/vulnerabilities", "at least one vulnerability", 11),
        ("6.1.60", r".*", "extension ", 1),
        ("6.1.60", r".*", "extensions use inconsistent", 3),
        ("6.1.60", r".*/content", "", 2),
    )
)


def check(data: bytes, name: str = "") -> Iterator[Verdict]:
    """The verdict on the document of a file; ``name``: its file name, to say where it is not the one of section 5.1.

    Raises:
        InputError: it is no JSON, or larger than any advisory.

    """
    if len(data) > MOST_BYTES or data.count(b",") > MOST_MEMBERS:
        raise InputError(f"It has more than {MOST_BYTES // 2**20} MiB, or {MOST_MEMBERS:,} members.")
    document = parse_json(data)
    version, why = _version(document)
    if version not in _VALIDATORS:
        other = next((text for key, text in _OTHER_FILES.items() if isinstance(document, dict) and key in document), "")
        yield Verdict(version, None if other else False, (Fault("document.csaf_version", "", other or why),))
        return
    try:
        results, stopped = _results(document, version, len(data))
    except ImportError:
        yield Verdict(version, None, (Fault("", "", NOT_INSTALLED),))
        return
    failed = [(one, [*_found(document, one)]) for one in results if not one.passed and not one.skipped]
    failed = [(one, found) for one, found in failed if found or not one.errors]
    faults = (*_name_faults(document, name), *_first(fault for _, found in failed for fault in found), *stopped)
    invalid = any(one.group in _DECIDE for one, _ in failed)
    yield Verdict(version, False if invalid else None if stopped else True, faults, objects=1)


def _version(document: Any) -> tuple[str, str]:
    head = document.get("document") if isinstance(document, dict) else None
    version = head.get("csaf_version") if isinstance(head, dict) else None
    if isinstance(version, str) and version:
        return version[:20], f"CSAF {version[:20]} is not known here, only {' and '.join(_VALIDATORS)}."
    return "", "This is no CSAF document: it does not say its csaf_version."


def _results(document: dict[str, Any], version: str, size: int) -> tuple[list[Any], tuple[Fault, ...]]:
    """What the schema and each test found, and the tests at which the library failed on a document of right schema."""
    validate = _validator(version)
    (schema,) = validate(document, preset="schema").results
    if not schema.passed and (size > _MOST_WRONG[0] or len(schema.errors) > _MOST_WRONG[1]):
        return [schema], ()
    stopped: list[str] = []
    found: list[Any] = []
    while len(stopped) < _MOST_STOPS:
        found.clear()
        begun: list[str] = []
        try:
            validate(
                document,
                preset="full",
                skip_rules=_ONLINE | {"schema", *stopped},
                result_sink=found.append,
                rule_start_sink=lambda number, _, begun=begun: begun.append(number),
            )
            break
        except Exception:  # a test takes the schema for granted
            if not begun or begun[-1] in stopped:
                raise
            stopped.append(begun[-1])
    failed = tuple(Fault("", number, "The library failed at this test.") for number in stopped if schema.passed)
    return [schema, *(one for one in found if one.id != "schema")], failed


def _validator(version: str) -> Any:
    """The library's function for a version; the root logger stays as it is, which the library would set up."""
    guard, root = logging.NullHandler(), logging.getLogger()
    root.addHandler(guard)
    try:
        return import_module(_VALIDATORS[version]).validate
    finally:
        root.removeHandler(guard)


def _first(faults: Iterator[Fault]) -> Iterator[Fault]:
    yield from islice(faults, MOST_FAULTS)
    if next(faults, None):
        yield Fault("", "", f"There are more than {MOST_FAULTS:,} faults.")


def _found(document: Mapping[str, Any], one: Any) -> Iterator[Fault]:
    """What a test of the library has found, but for what the specification does not mean by that test."""
    for error in one.errors:
        number = _number(one.id, error.instance_path, error.message)
        if number == "6.1.7" and not is_scored_twice(document, error.instance_path, error.message):
            continue
        if number == "6.3.19" and not (number := overlap_test(document, error.message)):
            continue
        yield Fault(_path(error.instance_path), number, _short(error.message))


def _number(test: str, path: str, reason: str) -> str:
    parts = (part for of, where, text, part in _PARTS if of == test and where.fullmatch(path) and text in reason)
    part = next(parts, None)
    return test if part is None else f"{test}.{part}"


def _path(pointer: str) -> str:
    """A JSON pointer as a path: ``vulnerabilities[0].cve``."""
    steps = [step for step in pointer.split("/") if step]
    return "".join(f"[{step}]" if step.isdecimal() else f".{step}" for step in steps).removeprefix(".")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _name_faults(document: Mapping[str, Any], name: str) -> Iterator[Fault]:
    """Section 5.1: a document's file is named after its tracking ID."""
    tracking = document["document"].get("tracking")
    number = tracking.get("id") if isinstance(tracking, dict) else None
    if name and isinstance(number, str):
        right = import_module("csaf._filename").derive(number)
        if name != right:
            yield Fault("document.tracking.id", "5.1", f"Its file must be named {right}.")
