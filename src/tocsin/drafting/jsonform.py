"""A text as the JSON document of ``tocsin drafting import --json``."""

from tocsin.drafting.brackets import brackets
from tocsin.drafting.model import Text


def import_document(text: Text) -> dict[str, object]:
    """The document: provisions, entries, comments, brackets, warnings; all in source order.

    An entry is named by its line: ``comments[].entry`` and ``entries[].line`` are the same number, and
    ``entries[].comments`` are the lines of its comments.
    """
    lines = {entry.id: entry.line for entry in text.entries}
    comment_lines = {comment.id: comment.line for comment in text.comments}
    found = brackets(text.provisions)
    return {
        "provisions": [
            {"id": p.id, "label": p.label, "kind": p.kind, "base": p.base, "lines": list(p.lines)}
            for p in text.provisions
        ],
        "entries": [
            {
                "line": entry.line,
                "provision": entry.provision,
                "stakeholder": entry.stakeholder,
                "organisations": list(entry.organisations),
                "role": entry.role,
                "class": entry.entry_class.value,
                "text": entry.text,
                "comments": [comment_lines[name] for name in entry.comments],
            }
            for entry in text.entries
        ],
        "comments": [
            {
                "line": comment.line,
                "author": comment.author,
                "provision": comment.provision,
                "entry": lines.get(comment.entry or ""),
                "text": comment.text,
            }
            for comment in text.comments
        ],
        "brackets": {
            "open": found.open,
            "close": found.close,
            "issues": [
                {"issue": i.issue, "provision": i.provision, "to": i.to, "line": i.line, "message": i.message}
                for i in found.issues
            ],
        },
        "warnings": [{"line": notice.line, "message": notice.message} for notice in text.warnings],
    }
