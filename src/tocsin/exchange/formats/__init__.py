"""The formats of the field: whether a file is right, and the same in another format. Nothing here stores or sends.

A format is a module with ``check(data: bytes) -> Iterator[Verdict]``, one for each document of a file, and where it can
be converted ``read(data: bytes) -> Collection`` and ``write(collection) -> tuple[bytes, tuple[str, ...]]``: the file,
and what could not be said in it. `registry` has their names, `model` what stands between them, `markings` the rule that
no marking gets wider. A file that cannot be read is refused with an `InputError`. Whoever stores what was read passes
it to `tocsin.delivery.never_held` first.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face


@dataclass(frozen=True, slots=True)
class Fault:
    """``path`` within the file ("objects[3].pattern", "line 4"); ``rule``: the number of a test or rule, or empty."""

    path: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found; ``valid`` is None where a library is missing, and nothing was checked.

    ``not_understood``: what is allowed, and would be passed over (custom types, extensions, vendors' fields).
    """

    version: str
    valid: bool | None
    faults: tuple[Fault, ...] = ()
    objects: int = 0
    not_understood: tuple[str, ...] = ()


if TYPE_CHECKING:
    from tocsin.exchange.formats.json_documents import (
        MOST_BYTES,
        is_nested,
        measure_foreign_json,
        parse_foreign_json,
        write_json,
    )
    from tocsin.exchange.formats.mapping import categories, default_category
    from tocsin.exchange.formats.markings import Markings, stricter
    from tocsin.exchange.formats.misp import marking_of, misp_event
    from tocsin.exchange.formats.model import (
        Collection,
        Observable,
        Source,
    )
    from tocsin.exchange.formats.registry import check_document, convert_document, misp_of_stix
    from tocsin.exchange.formats.stix_comparisons import Comparison, write_pattern
    from tocsin.exchange.formats.stix_markings import definitions, read_markings
    from tocsin.exchange.formats.stix_objects import read_time, stix_time
    from tocsin.exchange.formats.stix_read import read_foreign_document
    from tocsin.exchange.formats.stix_write import write_bundle
else:
    lazy_face(__name__)
