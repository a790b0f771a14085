"""What another machine noted before it was cut off says which mails left, and which may have."""

from tocsin.delivery.taken_over import read_intents


def test_a_mail_that_was_about_to_leave_may_have_left_until_it_is_noted_what_became_of_it() -> None:
    found = read_intents(
        [
            {"at": "1", "began": ["TOC-1/1/1", "TOC-2/1/1", "TOC-3/1/2"]},
            {"at": "2", "left": ["TOC-1/1/1", "TOC-3/1/2"], "back": ["TOC-2/1/1"]},
            {"at": "3", "began": ["TOC-3/2/2", "LTR-4/1/1"]},
            {"at": "4", "began": ["TOC-2/1/1"], "left": ["LTR-4/1/1"]},
        ]
    )
    said = {name: (one.parts, one.left, one.perhaps) for name, one in found.items()}
    assert said == {
        "TOC-1": (1, {1}, set()),  # left
        "TOC-2": (1, set(), {1}),  # was refused, then tried again and cut off
        "TOC-3": (2, {1}, {2}),  # its first part left, its second one may have
        "LTR-4": (1, {1}, set()),
    }
