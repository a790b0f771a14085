"""Mails in five languages and in a node's own words: whole, with the right plurals, in their direction of writing."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, nodes

from support.cast import Tocsin
from support.delivery_examples import NOW, Told, events, node, owe, read_folder, team
from tocsin.delivery import deliver
from tocsin.delivery.channels.file import FileChannel
from tocsin.delivery.columns import WIDTH, fit, table, width, wrap
from tocsin.delivery.digest_summary import topics
from tocsin.delivery.direction import LEFT, right_to_left
from tocsin.delivery.example import example_mail
from tocsin.delivery.mailbox import verdicts_in
from tocsin.delivery.texts import (
    SHIPPED,
    TextFolders,
    Texts,
    faults,
    in_english,
    open_text_folders,
    text_names,
    texts_for,
)
from tocsin.delivery.texts.specimens import specimens
from tocsin.node.errors import ConflictError, NotFoundError, SettingError, UsageError
from tocsin.node.records import Database

OTHERS = ["ar", "es", "fr", "pt"]
# Words that stand in every English text, and in none of the other languages.
ENGLISH = re.compile(
    r"\b(the|and|of|is|are|these|this|with|from|which|your|they|was|were|seen|again|please|what|to|that|be|it|who)\b"
)
MARKS = re.compile(
    "[\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}\N{RIGHT-TO-LEFT EMBEDDING}\N{POP DIRECTIONAL FORMATTING}]"
)


@pytest.fixture
def engine_name() -> str:
    """What a mail says does not depend on the database."""
    return "sqlite"


@pytest.fixture(params=OTHERS)
def other(request: pytest.FixtureRequest) -> Texts:
    """The shipped texts of each language but English."""
    return texts_for(request.param)


def bodies(texts: Texts) -> list[str]:
    """The mails of all topics, and those of all forms that a digest has."""
    forms = [
        texts.templates["digest"].render(
            digest=digest, sentence=texts.templates["sentence"].render(digest=digest), overview=""
        )
        for digest in specimens()
    ]
    return [*(example_mail(topic, texts)[1] for topic in topics()), *forms]


def subjects(texts: Texts) -> list[str]:
    return [texts.templates["subject"].render(digest=digest) for digest in specimens()]


def test_five_languages_are_shipped_and_each_is_whole() -> None:
    assert TextFolders().languages() == ["ar", "en", "es", "fr", "pt"]
    for language in TextFolders().languages():
        assert {path.relative_to(SHIPPED / language).as_posix() for path in (SHIPPED / language).rglob("*.t*")} == set(
            text_names()
        )
        assert in_english(TextFolders(), language) == []


def test_no_mail_in_another_language_has_english_in_it(other: Texts) -> None:
    for text in [*bodies(other), *subjects(other)]:
        assert ENGLISH.findall(text) == []
    assert ENGLISH.search(bodies(texts_for("en"))[0])


@pytest.mark.parametrize("language", ["en", *OTHERS])
def test_every_line_of_every_topic_fits_into_76_columns(language: str) -> None:
    texts = texts_for(language)
    for topic in topics():
        for line in example_mail(topic, texts)[1].split("\n"):
            assert width(line) <= WIDTH, line
    for text in bodies(texts):
        for line in text.split("\n"):
            # Sentences and what a file names are wrapped and cut where they are put in.
            assert width(line) <= WIDTH or "AS64500" in line, line


def test_each_advice_has_as_many_steps_as_in_english(other: Texts) -> None:
    for topic, advice in texts_for("en").advice.items():
        assert advice.steps.count("\n- ") == other.advice[topic].steps.count("\n- "), topic


def test_each_template_shows_what_the_english_one_shows(other: Texts) -> None:
    def shown(language: str, name: str) -> set[str]:
        tree = Environment(autoescape=False).parse((SHIPPED / language / f"{name}.txt").read_text())  # noqa: S701
        return {of.attr for of in tree.find_all(nodes.Getattr)}

    for name in ("subject", "sentence", "digest"):
        assert shown(other.language, name) == shown("en", name)


def test_each_word_fills_in_what_the_english_one_fills_in(other: Texts) -> None:
    def braces(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    english = texts_for("en").words
    assert {name.removesuffix("_one") for name in other.words} == set(english)
    for name, word in other.words.items():
        expected = braces(english[name.removesuffix("_one")])
        missing = expected - braces(word)
        assert missing <= ({"n", "new", "problems", "continuing"} if name.endswith("_one") else set()), name


REPLIES = {
    "en": ("fixed", "acknowledged", "false positive", "accepted", "not ours"),
    "fr": ("corrigé", "pris en compte", "faux positif", "accepté", "pas à nous"),
    "es": ("resuelto", "recibido", "falso positivo", "aceptado", "no es nuestro"),
    "pt": ("resolvido", "recebido", "falso positivo", "aceito", "não é nosso"),
    "ar": ("تم الإصلاح", "قيد المعالجة", "إنذار كاذب", "مقبول", "لا يخصنا"),
}


@pytest.mark.parametrize("language", REPLIES)
def test_the_words_that_a_mail_offers_for_replies_are_understood(language: str) -> None:
    body = " ".join(example_mail("spam", texts_for(language))[1].split())
    verdicts = ("fixed", "acknowledged", "false", "accepted", "not_ours")
    for phrase, verdict in zip(REPLIES[language], verdicts, strict=True):
        assert phrase in body
        assert [said.verdict for said in verdicts_in(phrase)] == [verdict]
        (some,) = verdicts_in(right_to_left(f"{phrase} 192.0.2.1"))  # copied from the mail, with its marks
        assert (some.verdict, some.places) == (verdict, ("192.0.2.1",))


@pytest.mark.parametrize(
    ("language", "number", "words"),
    [
        ("en", 1, "1 new problem in AS64500"),
        ("en", 5, "5 new problems in AS64500"),
        ("fr", 1, "1 nouveau problème dans AS64500"),
        ("fr", 5, "5 nouveaux problèmes dans AS64500"),
        ("es", 1, "1 problema nuevo en AS64500"),
        ("es", 5, "5 problemas nuevos en AS64500"),
        ("pt", 1, "1 problema novo em AS64500"),
        ("pt", 5, "5 problemas novos em AS64500"),
        ("ar", 1, "ظهرت مشكلة جديدة واحدة في AS64500"),
        ("ar", 2, "ظهرت مشكلتان جديدتان في AS64500"),
        ("ar", 3, "ظهرت 3 مشكلات جديدة في AS64500"),
        ("ar", 10, "ظهرت 10 مشكلات جديدة في AS64500"),
        ("ar", 11, "ظهرت 11 مشكلة جديدة في AS64500"),
        ("ar", 100, "ظهرت 100 مشكلة جديدة في AS64500"),
        ("ar", 103, "ظهرت 103 مشكلات جديدة في AS64500"),
    ],
)
def test_numbers_have_the_form_that_they_have_in_the_language(language: str, number: int, words: str) -> None:
    digest = replace(next(specimens()), new=number, continuing=0, problems=number)
    assert words in texts_for(language).templates["sentence"].render(digest=digest)


def mail_in(database: Database, folder: Path, language: str, shelf: TextFolders, name: str = "Example ISP") -> str:
    """The text of a mail to a team of this language, as its mail program reads it."""
    known = {1: replace(team(1, name=name), language=language)}
    frames = {1: events({"source.ip": "192.0.2.1", "source.asn": 64500}, {"source.ip": "2001:db8::1"})}
    owe(database, known, frames)
    deliver(
        database,
        teams=known,
        events_of=Told(frames),
        channel=FileChannel(folder / "mails"),
        node=replace(node(), shelf=shelf),
        now=NOW,
    )
    (read,) = read_folder(folder / "mails").values()
    return read.body.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("language", "of_node", "words"),
    [
        ("ar-EG", "en", "أجهزة مصابة"),
        ("pt-BR", "en", "Máquinas com malware"),
        ("es", "fr", "Máquinas infectadas"),
        ("xx", "fr", "Machines infectées"),
        ("xx", "yy", "Infected machines"),
        ("../..", "en", "Infected machines"),
    ],
)
def test_a_team_is_told_in_its_language_or_that_of_the_node(
    database: Database, tmp_path: Path, language: str, of_node: str, words: str
) -> None:
    assert words in mail_in(database, tmp_path, language, TextFolders(tmp_path / "templates", of_node))


def test_arabic_goes_from_right_to_left_and_data_from_left_to_right(database: Database, tmp_path: Path) -> None:
    lines = mail_in(database, tmp_path, "ar", TextFolders(), name="شركة الاتصالات").split("\n")

    def letters(line: str) -> bool:
        return any(unicodedata.bidirectional(sign) == "AL" for sign in line)

    sentences = [line for line in lines if letters(line) and not line.startswith(LEFT)]
    assert len(sentences) > 15
    for line in sentences:
        assert line.startswith("\N{RIGHT-TO-LEFT MARK}\N{RIGHT-TO-LEFT EMBEDDING}")
        assert line.endswith("\N{POP DIRECTIONAL FORMATTING}")
    rows = [line for line in lines if "192.0.2.1" in line and "2026" in line]
    assert rows
    assert all(row.startswith(f"{LEFT}  192.0.2.1 ") for row in rows)
    assert any(f"{LEFT}2026-11-23 22:00{LEFT}" in line for line in sentences)
    assert all(not MARKS.search(line) for line in lines if line.startswith(("TLP:AMBER  ", "---", "-- ")))


@given(st.text(), st.integers(1, 80))
def test_what_is_cut_fits(text: str, most: int) -> None:
    cut = fit(text, most)
    assert width(cut) <= most
    assert cut == text or (cut.endswith("…") and text.startswith(cut[:-1]))


WORDS = st.lists(
    st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=120), min_size=1, max_size=30
)


@given(WORDS, st.sampled_from([("", ""), ("- ", "  "), (" " * 12, " " * 12)]))
def test_wrapping_loses_nothing_and_no_line_is_too_wide(words: list[str], margins: tuple[str, str]) -> None:
    first, indent = margins
    wrapped = wrap(" ".join(words), first, indent)
    assert all(width(line) <= WIDTH for line in wrapped.split("\n"))
    assert "".join(wrapped.removeprefix(first).split()) == "".join(words)


@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=90), st.text(max_size=20)), min_size=1, max_size=5))
def test_columns_start_where_the_first_row_has_them(rows: list[tuple[str, str, str]]) -> None:
    plain = [tuple(re.sub(r"[^\w.]", "", cell) or "x" for cell in row) for row in rows]
    lines = "\n".join(table([("A", "B", "C"), *plain], right=(), stretch=1)).split("\n")
    at = lines[0].index("C")
    assert all(width(line) <= WIDTH for line in lines)
    for line, row in zip([line for line in lines if width(line) > at][1:], plain, strict=False):
        assert width(line) - width(row[2]) >= at or row[2] in line


@given(st.text("ab1 ١ش:.-/2026\n"))
def test_marks_of_direction_change_nothing_else(text: str) -> None:
    assert MARKS.sub("", right_to_left(text)) == text


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], TextFolders]:
    """Puts a text of the node's own in its place, and gives the shelf."""

    def put(name: str, text: str) -> TextFolders:
        path = tmp_path / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return TextFolders(tmp_path / "templates")

    return put


OWN = "Hameçonnage\n\nCes pages volent des mots de passe.\n\n- Appelez-nous.\n"


def test_a_nodes_own_text_takes_the_place_of_the_shipped_one_alone(write: Callable[[str, str], TextFolders]) -> None:
    shelf = write("fr/advice/phishing.txt", OWN)
    assert example_mail("phishing", texts_for("fr", shelf))[0].startswith("[TLP:AMBER] Hameçonnage et 1 autre type")
    assert texts_for("fr", shelf).advice["spam"] == texts_for("fr").advice["spam"]
    assert texts_for("es", shelf).advice == texts_for("es").advice

    write("fr/advice/phishing.txt", OWN.replace("Appelez-nous", "Fermez la page"))
    assert texts_for("fr", shelf).advice["phishing"].steps == "- Fermez la page."


def test_a_language_of_ones_own_takes_from_english_what_it_does_not_have(
    write: Callable[[str, str], TextFolders],
) -> None:
    write("sw/words.toml", 'heading_new = "{title}: {new} mpya"\n')
    shelf = write("sw/advice/spam.txt", "Barua taka\n\nBarua zilitoka hapa.\n\n- Badilisha nywila.\n")
    subject, body = example_mail("spam", texts_for("sw-TZ", shelf))
    assert "Barua taka and 1 more kind" in subject
    assert "- Badilisha nywila." in body
    assert "Barua taka: 1 new, 2 going on" in body
    assert ": 1 mpya" in body
    assert len(in_english(shelf, "sw")) == len(text_names()) - 2
    assert list(faults(shelf)) == []


def test_a_form_for_one_thing_does_not_outlive_the_word_that_it_belongs_to(
    write: Callable[[str, str], TextFolders],
) -> None:
    shelf = write("fr/words.toml", 'heading_new = "{title} : +{new}"\n')
    texts = texts_for("fr", shelf)
    assert texts.say("heading_new", 1, title="X", new=1) == "X : +1"
    assert texts.say("heading_both", 1, title="X", new=1, continuing=2) == "X : 1 nouveau cas, 2 en suspens"


DIGEST = (SHIPPED / "en/digest.txt").read_text()


@pytest.mark.parametrize(
    ("name", "text", "line", "words"),
    [
        ("fr/advice/phising.txt", OWN, 0, "no text has this name"),
        ("fr/advice/phishing.txt", "Titre\n\nDe quoi il s'agit.\n", 3, "steps are missing"),
        ("fr/advice/phishing.txt", "Titre\n- Faites ceci.\n", 2, "then a paragraph"),
        ("fr/advice/phishing.txt", OWN + "- Voir {{ digest.link }}.\n", 6, "nothing is filled in here"),
        ("fr/words.toml", 'new = "x"\nnew_ones = "y"\n', 2, "'new_ones' is no word of the mails"),
        ("fr/words.toml", 'new = "x"\nheading_new = "{title} {count}"\n', 2, "cannot fill in {count}"),
        ("fr/words.toml", 'heading_new = "{title"\n', 1, "a brace too many"),
        ("fr/words.toml", "new = 3\n", 1, "must be a text in quotes"),
        ("fr/words.toml", 'direction = "up"\n', 1, "'direction' is 'ltr' or 'rtl'"),
        ("fr/words.toml", 'new = "x"\nport = "y\n', 2, "Illegal character"),
        ("fr/subject.txt", "{% if digest.topics %}\nx\n", 1, "Unexpected end of template"),
        ("fr/subject.txt", "x\n{{ digest.reciever }}\n", 2, "'digest.reciever' is not known"),
        ("fr/subject.txt", "{{ node }}\n", 1, "'node' is not known here"),
        ("fr/subject.txt", "x\n{{ digest.network | shout }}\n", 2, "No filter named 'shout'"),
        ("fr/subject.txt", "{{ digest.topics[0].title }}\n", 1, "UndefinedError"),
        ("fr/subject.txt", "x\n{{ digest.network.__class__.__mro__ }}\n", 2, "SecurityError"),
        ("fr/subject.txt", "{{ '' if digest.new else 'x' }}\n", 0, "some subjects are empty"),
        ("fr/digest.txt", DIGEST.replace("TLP:{{ digest.tlp }}", ""), 0, "must show TLP:{{ digest.tlp }}"),
        ("fr/digest.txt", DIGEST.replace("TLP:{{ digest.tlp }}", "TLP:CLEAR"), 0, "must show TLP:{{ digest.tlp }}"),
        ("fr/digest.txt", "TLP:CLEAR.\n" + DIGEST, 0, "it says TLP:CLEAR in mails that are TLP:AMBER"),
        ("fr/digest.txt", DIGEST.replace("PAP:{{ digest.pap }}", ""), 0, "must show PAP:{{ digest.pap }}"),
        ("fr/digest.txt", DIGEST + "PAP:{{ digest.pap }}\n", 0, "it says PAP: in mails whose sources said none"),
        ("fr/digest.txt", DIGEST.replace("{{ digest.reference }}", ""), 0, "must show {{ digest.reference }}"),
        ("fr/digest.txt", DIGEST.replace("{{ digest.contact }}", ""), 0, "must show {{ digest.contact }}"),
        ("fr/digest.txt", DIGEST.replace("{{ digest.link }}", ""), 0, "must show {{ digest.link }}"),
        ("fr/digest.txt", DIGEST.replace("{{ sentence }}", ""), 0, "must show {{ sentence }}"),
        ("fr/digest.txt", DIGEST + "{% include '/etc/passwd' %}\n", len(DIGEST.split("\n")), "no loader"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_with_file_and_line(
    write: Callable[[str, str], TextFolders], name: str, text: str, line: int, words: str
) -> None:
    shelf = write(name, text)
    (fault,) = faults(shelf)
    assert (str(fault.path), fault.line) == (str(shelf.own) + f"/{name}", line)
    assert words in fault.words
    with pytest.raises(SettingError, match=re.escape(str(fault))):
        texts_for("fr", shelf)
    assert shelf.own is not None
    with pytest.raises(SettingError, match=re.escape(name)):
        open_text_folders(shelf.own.parent, "en")
    assert texts_for("es", shelf).language == "es"


def test_a_text_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "templates/fr/advice/phishing.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(OWN.encode("latin-1"))
    (fault,) = faults(TextFolders(tmp_path / "templates"))
    assert (fault.line, fault.words) == (1, "it is not UTF-8.")


def test_what_windows_editors_leave_in_a_file_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "templates/fr/advice/phishing.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xef\xbb\xbf" + OWN.replace("\n", "\r\n").encode())
    assert texts_for("fr", TextFolders(tmp_path / "templates")).advice["phishing"].title == "Hameçonnage"


def test_texts_are_copied_to_be_changed_and_never_over_changed_ones(tmp_path: Path) -> None:
    shelf = TextFolders(tmp_path / "templates")
    (copied,) = shelf.copy("pt-BR", ["advice/spam.txt"])
    assert copied.read_bytes() == (SHIPPED / "pt/advice/spam.txt").read_bytes()
    with pytest.raises(ConflictError, match="already"):
        shelf.copy("pt-BR", ["words.toml", "advice/spam.txt"])
    assert not (tmp_path / "templates/pt-BR/words.toml").exists()
    (new,) = shelf.copy("sw", ["words.toml"])
    assert new.read_bytes() == (SHIPPED / "en/words.toml").read_bytes()
    for language in ("", "../x", "english"):
        with pytest.raises(UsageError, match="not a language tag"):
            shelf.copy(language, ["words.toml"])
    with pytest.raises(NotFoundError, match="no topic"):
        example_mail("gardening", texts_for("en"))


def test_a_person_changes_a_text_looks_at_it_and_nothing_leaves_while_one_is_wrong(tmp_path: Path) -> None:
    tocsin = Tocsin(tmp_path / "home", {})
    tocsin.run("directory", "list")
    before = {row["language"]: row for row in tocsin.json("templates", "list")}
    assert before["ar"] == {"language": "ar", "direction": "rtl", "own": 0, "in English": 0}
    tocsin.run("templates", "copy", "fr", "phishing")
    tocsin.run("templates", "copy", "sw", "words")
    own = tmp_path / "home/templates/fr/advice/phishing.txt"
    own.write_text(OWN)
    after = {row["language"]: row for row in tocsin.json("templates", "list")}
    assert (after["fr"]["own"], after["sw"]["own"], after["sw"]["in English"]) == (1, 1, len(text_names()))
    files = {row["text"]: row for row in tocsin.json("templates", "list", "fr")}
    assert (files["advice/phishing.txt"]["from"], files["advice/spam.txt"]["from"]) == ("own", "shipped")
    assert files["advice/phishing.txt"]["file"] == str(own)
    assert "- Appelez-nous." in tocsin.run("templates", "show", "fr", "phishing")
    assert tocsin.json("templates", "check") == []

    own.write_text("Hameçonnage\n")
    code, _, words = tocsin.call("templates", "check")
    assert (code, f"{own}, line 2: a title" in words) == (1, True)
    code, _, words = tocsin.call("deliver")
    assert code != 0
    assert f"{own}, line 2" in words
    finding = next(one for one in tocsin.json("doctor", code=1) if one["what"] == "mail texts")
    assert (finding["ok"], str(own) in finding["found"]) == (False, True)

    own.unlink()
    tocsin.run("deliver")
    finding = next(one for one in tocsin.json("doctor", code=tocsin.call("doctor")[0]) if one["what"] == "mail texts")
    assert (finding["ok"], f"sw has {after['sw']['in English']} in English" in finding["found"]) == (True, True)
