"""Severity: schemes as data in editions, and the level that one gives for answers, with its reasons."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.incidents.severity import acts
    from tocsin.incidents.severity.ratings import chosen_scheme, ratings_of
    from tocsin.incidents.severity.scheme import SeverityScheme, find_scheme, read_scheme, shipped_schemes
    from tocsin.incidents.severity.score import SeverityScore, score_severity
else:
    lazy_face(__name__)
