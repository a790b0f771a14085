"""What a step of the history did, in a sentence that a delegate can read."""

from tocsin.drafting.acts import Accept, Act, AppointChair, Combine, Declare, Move, PutInBrackets

_SENTENCES = {
    "import": "The text is brought in as it was read",
    "propose": "{stakeholder} proposes words for {provision} (entry {id})",
    "position": "{stakeholder} says '{kind}' on {provision}{rest} (position {id})",
    "confirm": "Position {position} is confirmed",
    "correct-position": "Position {position} is corrected to '{kind}': {reason}",
    "correct-entry": "Entry {entry} is corrected: {reason}",
    "correct-comment": "Comment {comment} is corrected: {reason}",
    "comment": "{author} remarks on {provision} (comment {id})",
    "relabel": "{provision} is printed as '{label}'",
    "merge": "The words of {provision} are put behind those of {into}",
    "split": "{provision} is cut in two; the second part is {new}",
    "move": "{provision} is printed {rest}",
    "new": "{id} is opened in {section}",
    "delete": "{provision} leaves the text: {reason}",
    "rebase": "Entry {entry} is put on base {generation}",
    "chair": "{name} takes the chair, with the key {rest}",
    "accept": "{provision}: {rest} accepted",
    "combine": "{provision}: worded by the chair{rest}",
    "bracket": "{provision}: left open in brackets{rest}",
    "leave": "{provision}: left as it is",
    "close": "The round is closed; what was decided is the next base",
    "restore": "The words of base {generation} come back as the next base",
    "undo": "Step {step} is undone",
}
_MOST_NAMED = 5


def sentence(act: Act) -> str:
    """One act in plain words, with the ids that the commands take; no full stop."""
    return _SENTENCES[act.act].format_map({**vars(act), "rest": _rest(act)})


def _rest(act: Act) -> str:
    """What a sentence says only sometimes."""
    match act:
        case Declare(target=target, entry=entry, reason=reason):
            parts = ((" into ", target), (", entry ", entry), (", since: ", reason))
            return "".join(word + value for word, value in parts if value)
        case Move(section=section, after=after):
            return f"after {after}" if after else f"first in {section}"
        case AppointChair(key=key):
            return f"{key[:16]}…"
        case Accept(entry=entry, position=position):
            return f"the words of {entry}" if entry else f"position {position}"
        case Combine(entries=entries) | PutInBrackets(entries=entries) if entries:
            named = ", ".join(entries) if len(entries) <= _MOST_NAMED else f"{len(entries)} entries"
            return f", out of {named}"
        case _:
            return ""
