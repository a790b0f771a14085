"""The search: what somebody typed or pasted, and all that the node knows of it as far as the visitor may see it."""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.pipeline.search.answer import SearchAnswer, Searcher
    from tocsin.pipeline.search.contact import ContactAnswer, find_contact
    from tocsin.pipeline.search.document import answer_document, line_document
    from tocsin.pipeline.search.export import COLUMNS, export_lines, row_of
    from tocsin.pipeline.search.lines import MOST_LINES, LineAnswer, answer_lines, lines_of
    from tocsin.pipeline.search.words import Hit, HitKind
else:
    lazy_face(__name__)
