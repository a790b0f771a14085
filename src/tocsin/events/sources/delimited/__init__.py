"""Delimited text (CSV, TSV) as frames: fast where that is provably right, exact everywhere else.

The fast path is Polars' parser. It pads short rows silently and is lenient with quotes, so its result is accepted only
when the chunk's quotes are well-formed and its separators outside of quotes are exactly those of a full table (rows
with too many raise). Whatever does not pass is split smaller, and at last read by a state machine that follows RFC
4180, knows the line of every record, and says what was wrong with it.

How damaged records are read: missing columns are null (flag ``short``); surplus ones are kept under
``extra.tocsin_surplus`` (``surplus``); bytes that are not UTF-8 are read as Windows-1252, each by itself
(``encoding``); NUL bytes are left out (``nul``); a quoted field ends at a quote before a separator or line end, other
quotes in it stand for themselves (``quotes``); a quote that never closes ends with its line, and a value that the end
of the file or an open quote cut off is not trusted: it is kept under ``extra.tocsin_cut`` (``cut``).
"""

from typing import TYPE_CHECKING

from tocsin.node.faces import lazy_face

if TYPE_CHECKING:
    from tocsin.events.sources.delimited.exact import FIELD_LIMIT, Dialect
    from tocsin.events.sources.delimited.reader import LINE_LIMIT, DelimitedReader, Shaping, distinct, first_records
else:
    lazy_face(__name__)
