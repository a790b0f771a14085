"""Coverage: for how many AS numbers somebody can be told, by country, on a day."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.directory.coverage.count import answering
    from tocsin.directory.coverage.read import Coverage, end_of, read_coverage, responsible_teams
else:
    lazy_face(__name__)
