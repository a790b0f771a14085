"""Any feed that one file describes: ``NAME.toml``, in the folder of feeds, beside the report, or in the catalogue.

    name = "Our honeypot"             # everything but [columns] may be left out
    provider = "Example CERT"
    format = "csv"                    # csv, json, lines, keyvalue, html, xml: how a record is cut
    files = ["honeypot-*.csv"]        # how its files are called

    [columns]                         # column = field; others go to extra under their own name
    when = "time.source"
    address = "source.ip"
    hits = "extra.hits:integer"       # also float and boolean

    [constants]
    "classification.type" = "brute-force"

docs/sources.md has the whole language. Formats differ only in how a record is cut (`cutters`); what follows is the same
for all of them (`steps`), by whole columns. Patterns are those of Rust's ``regex``, whose time grows with the text and
no faster, so no text can hang it. A mapping that only names columns of CSV keeps the fast path of `delimited`.
"""
