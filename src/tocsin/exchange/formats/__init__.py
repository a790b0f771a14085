"""The formats of the field: whether a file is right, and the same in another format. Nothing here stores or sends."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """``path`` within the file ("objects[3].pattern", "line 4"); ``rule``: the number of a test or rule, or empty."""

    path: str
    rule: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What a check found; ``valid`` is None where a library is missing, and nothing was checked.

    ``not_understood``: what is allowed, and would be passed over (custom types, extensions, vendors' fields).
    """

    version: str
    valid: bool | None
    faults: tuple[Fault, ...] = ()
    objects: int = 0
    not_understood: tuple[str, ...] = ()
