"""Word files: read and written with every change and comment under its author, and the views that follow from them.

``text_in`` and ``text_out`` of this package turn them into a text under negotiation and back.
"""

from tocsin.drafting.word.model import (
    Block,
    Cell,
    Comment,
    ListLevel,
    Note,
    Paragraph,
    Revision,
    TableRow,
    TextRun,
    TrackedChange,
    WordDocument,
    WordTable,
    accept,
    accepted,
    author_view,
    authors,
    changes,
    lines,
    numbered,
    original,
    reject,
)
from tocsin.drafting.word.read import read_docx
from tocsin.drafting.word.redline import Version, redline
from tocsin.drafting.word.write import write_docx
