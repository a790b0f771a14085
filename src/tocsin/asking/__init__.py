"""Asking who must know: what is asked about, the answer with its reasons, and a guide that stays open for many."""

import importlib
from typing import TYPE_CHECKING

from tocsin.asking.explain import Explanation, Nobody, explain_subject, known_of
from tocsin.asking.subject import Subject, read_subject, values_of

if TYPE_CHECKING:
    from tocsin.asking.guide import Guide

__all__ = ["Explanation", "Guide", "Nobody", "Subject", "explain_subject", "known_of", "read_subject", "values_of"]


def __getattr__(name: str) -> object:
    if name != "Guide":  # it needs the records, whose import takes longer than an answer
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.guide").Guide
