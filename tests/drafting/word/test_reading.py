"""What Word, LibreOffice and pandoc put into files, read word by word: nothing glued, nothing twice, nothing lost."""

import io
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime

import pytest

from tocsin.drafting.word import (
    Note,
    Paragraph,
    TextRun,
    WordComment,
    WordDocument,
    accepted,
    author_view,
    authors,
    changes,
    lines,
    original,
    read_docx,
    write_docx,
)

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SPACES = (
    f'xmlns:w="{W}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
BY = 'w:id="1" w:author="Alpha" w:date="2014-03-04T09:30:00Z"'


def file_with(body: str, parts: dict[str, str] | None = None) -> bytes:
    """A Word file with this body, and these parts in place of or beside ours."""
    plain = write_docx(
        WordDocument(
            (Paragraph((TextRun("x", comments=(1,)), TextRun("", note=1))),),
            (WordComment(1, "B", "c"),),
            (Note(1, "footnote", (Paragraph(),)),),
        )
    )
    wanted = {"word/document.xml": f"<w:document {SPACES}><w:body>{body}</w:body></w:document>", **(parts or {})}
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(plain)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            if name not in wanted:
                new.writestr(name, old.read(name))
        for name, text in wanted.items():
            new.writestr(name, text)
    return buffer.getvalue()


def read(body: str) -> WordDocument:
    return read_docx(file_with(body))


def text_of(body: str) -> list[str]:
    return list(lines(read(body)))


def r(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (r("a") + "<w:r><w:tab/></w:r>" + r("b"), "a\tb"),
        ("<w:r><w:t>a</w:t><w:br/><w:t>b</w:t><w:cr/><w:t>c</w:t></w:r>", "a\nb\nc"),
        ('<w:r><w:t>a</w:t><w:br w:type="page"/><w:t>b</w:t></w:r>', "a\fb"),
        (
            "<w:r><w:t>no</w:t><w:noBreakHyphen/><w:t>break</w:t><w:softHyphen/><w:t>ing</w:t></w:r>",
            "no\u2011break\u00ading",
        ),
        ('<w:r><w:sym w:font="Symbol" w:char="03B1"/></w:r>', "\u03b1"),
        ("<w:r><w:t> a b </w:t></w:r>" + r(" c "), "a b c "),
        (f'<w:proofErr w:type="spellStart"/>{r("a")}<w:bookmarkStart w:id="0" w:name="x"/>{r("b")}', "ab"),
        (f'<w:smartTag w:element="place">{r("Ge")}<w:smartTag>{r("neva")}</w:smartTag></w:smartTag>', "Geneva"),
        (f"<w:sdt><w:sdtPr/><w:sdtContent>{r('held')}</w:sdtContent></w:sdt>", "held"),
        (f'<w:hyperlink w:anchor="there">{r("link")}</w:hyperlink>{r("ed")}', "linked"),
        ("<m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath>", "x=1"),
        (f"<w:dir w:val='rtl'>{r('שלום')}</w:dir>", "שלום"),
        ("<w:r><w:lastRenderedPageBreak/><w:t>kept</w:t></w:r>", "kept"),
        (f'<w:fldSimple w:instr=" SEQ Table "><w:r><w:t>3</w:t></w:r></w:fldSimple>{r(" of")}', "3 of"),
    ],
)
def test_what_stands_in_a_paragraph(inside: str, text: str) -> None:
    assert text_of(f"<w:p>{inside}</w:p>") == [text]


def test_the_instruction_of_a_field_is_no_text_and_its_result_is() -> None:
    field = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText> HYPERLINK "https://exa</w:instrText></w:r>'
        '<w:r><w:instrText>mple.org/" </w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>'
        f'{r("the site")}<w:r><w:fldChar w:fldCharType="end"/></w:r>'
    )
    document = read(f"<w:p>{r('See ')}{field}{r('.')}</w:p>")
    assert lines(document) == ("See the site.",)
    paragraph = document.blocks[0]
    assert isinstance(paragraph, Paragraph)
    assert [run.link for run in paragraph.runs] == ["", "https://example.org/", ""]


def test_a_field_that_was_deleted_leaves_no_instruction_behind() -> None:
    deleted = (
        f'<w:del {BY}><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:delInstrText>PAGE</w:delInstrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:delText>7</w:delText></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r></w:del>'
    )
    document = read(f"<w:p>{r('p. ')}{deleted}</w:p>")
    assert lines(original(document)) == ("p. 7",)
    assert lines(accepted(document)) == ("p. ",)


def test_a_text_box_is_read_once_after_its_paragraph() -> None:
    box = f"<w:txbxContent><w:p>{r('in the box')}</w:p></w:txbxContent>"
    drawing = (
        f'<mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:wsp><wps:txbx>{box}</wps:txbx></wps:wsp>'
        f"</w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox>{box}</v:textbox></w:pict></mc:Fallback>"
        "</mc:AlternateContent>"
    )
    document = read(f"<w:p>{r('be')}<w:r>{drawing}</w:r>{r('side')}</w:p>")
    assert lines(document) == ("beside", "in the box")
    assert document.warnings == ("text boxes became paragraphs (1)",)


def test_a_move_as_word_writes_it_is_one_change() -> None:
    there = f"<w:moveFrom {BY}>{r('moved')}</w:moveFrom>"
    here = f"<w:moveTo {BY}>{r('moved')}</w:moveTo>"
    document = read(
        f'<w:moveFromRangeStart {BY} w:name="move1"/><w:p><w:pPr><w:rPr><w:moveFrom {BY}/></w:rPr></w:pPr>{there}</w:p>'
        f'<w:moveFromRangeEnd w:id="1"/><w:p>{r("stays")}</w:p>'
        f'<w:moveToRangeStart {BY.replace("1", "5", 1)} w:name="move1"/>'
        f"<w:p><w:pPr><w:rPr><w:moveTo {BY}/></w:rPr></w:pPr>{here}</w:p>"
        f'<w:moveToRangeEnd w:id="5"/><w:p>{r("end")}</w:p>'
    )
    assert [(c.revision.kind, c.revision.number, c.text) for c in changes(document)] == [
        ("move_from", 1, "moved\n"),
        ("move_to", 1, "moved\n"),
    ]
    assert lines(original(document)) == ("moved", "stays", "end")
    assert lines(accepted(document)) == ("stays", "moved", "end")


@pytest.mark.parametrize(
    "nested", ["<w:ins {0}><w:del {1}>{2}</w:del></w:ins>", "<w:del {1}><w:ins {0}>{2}</w:ins></w:del>"]
)
def test_an_insertion_that_another_cut_is_read_the_same_in_both_orders(nested: str) -> None:
    inner = nested.format(BY, BY.replace("Alpha", "Beta"), "<w:r><w:delText>gone</w:delText></w:r>")
    document = read(f"<w:p>{r('a')}{inner}</w:p>")
    assert lines(author_view(document, "Alpha")) == ("agone",)
    assert lines(author_view(document, "Beta")) == lines(original(document)) == lines(accepted(document)) == ("a",)
    assert authors(document) == ("Alpha", "Beta")


def test_a_deleted_paragraph_end_joins_only_when_it_is_accepted() -> None:
    end = f"<w:pPr><w:rPr><w:del {BY}/></w:rPr></w:pPr>"
    document = read(f"<w:p>{end}{r('one ')}</w:p><w:p>{r('two')}</w:p>")
    assert lines(original(document)) == ("one ", "two")
    assert lines(accepted(document)) == ("one two",)


def test_a_deleted_paragraph_before_a_table_goes_and_a_half_deleted_one_stays() -> None:
    end = f"<w:pPr><w:rPr><w:del {BY}/></w:rPr></w:pPr>"
    table = f"<w:tbl><w:tr><w:tc><w:p>{r('cell')}</w:p></w:tc></w:tr></w:tbl>"
    whole = f"<w:p>{end}<w:del {BY}><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    assert lines(accepted(read(f"{whole}{table}<w:p/>"))) == ("cell", "")
    assert lines(accepted(read(f"<w:p>{end}{r('half')}</w:p>{table}<w:p/>"))) == ("half", "cell", "")


def test_rows_and_cells_come_and_go() -> None:
    def cell(text: str, mark: str = "") -> str:
        return f"<w:tc><w:tcPr>{mark}</w:tcPr><w:p>{r(text)}</w:p></w:tc>"

    table = (
        f"<w:tbl><w:tr>{cell('a')}{cell('new', f'<w:cellIns {BY}/>')}</w:tr>"
        f"<w:tr><w:trPr><w:del {BY}/></w:trPr>{cell('old')}</w:tr></w:tbl><w:p/>"
    )
    assert lines(original(read(table))) == ("a", "old", "")
    assert lines(accepted(read(table))) == ("a", "new", "")


def test_comments_without_a_range_and_over_several_paragraphs() -> None:
    point = '<w:r><w:commentReference w:id="1"/></w:r>'
    document = read(f"<w:p>{r('a')}{point}{r('b')}</w:p>")
    assert read_docx(write_docx(document)) == document
    assert [
        run.comments for paragraph in document.blocks if isinstance(paragraph, Paragraph) for run in paragraph.runs
    ] == [
        (),
        (1,),
        (),
    ]
    wide = read(
        f'<w:p>{r("a")}<w:commentRangeStart w:id="1"/>{r("b")}</w:p>'
        f'<w:p>{r("c")}<w:commentRangeEnd w:id="1"/>{point}{r("d")}</w:p>'
    )
    covered = [run.text for p in wide.blocks if isinstance(p, Paragraph) for run in p.runs if run.comments]
    assert covered == ["b", "c"]


def test_lists_are_labelled_as_word_prints_them() -> None:
    numbering = (
        f'<w:numbering xmlns:w="{W}"><w:abstractNum w:abstractNumId="0">'
        '<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="upperRoman"/><w:lvlText w:val="%1."/></w:lvl>'
        '<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="%1.%2)"/></w:lvl>'
        '</w:abstractNum><w:num w:numId="4"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="5"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/>'
        "</w:lvlOverride></w:num></w:numbering>"
    )
    styles = (
        f'<w:styles xmlns:w="{W}"><w:style w:type="paragraph" w:styleId="Clause"><w:pPr><w:numPr><w:numId w:val="4"/>'
        '</w:numPr></w:pPr></w:style><w:style w:type="paragraph" w:styleId="Sub"><w:basedOn w:val="Clause"/></w:style>'
        "</w:styles>"
    )

    def item(number: int, level: int) -> str:
        return f'<w:p><w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr></w:pPr></w:p>'

    body = item(4, 0) + item(4, 1) + item(4, 1) + item(4, 0) + item(4, 1) + item(5, 0) + item(0, 0)
    body += '<w:p><w:pPr><w:pStyle w:val="Sub"/></w:pPr></w:p>'
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        + "".join(f'<Relationship Id="{k}" Type="{kinds}/{k}" Target="{k}.xml"/>' for k in ("numbering", "styles"))
        + "</Relationships>"
    )
    data = file_with(
        body,
        {"word/numbering.xml": numbering, "word/styles.xml": styles, "word/_rels/document.xml.rels": relations},
    )
    document = read_docx(data)
    labels = [paragraph.label for paragraph in document.blocks if isinstance(paragraph, Paragraph)]
    assert labels == ["I.", "I.a)", "I.b)", "II.", "II.a)", "VII.", "", "III."]
    assert [p.label for p in read_docx(write_docx(document)).blocks if isinstance(p, Paragraph)] == labels


def test_the_strict_vocabulary_and_a_main_part_of_another_name_are_read() -> None:
    strict = file_with(f"<w:p><w:ins {BY}>{r('new')}</w:ins>{r(' text')}</w:p>")
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(strict)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = old.read(name).replace(W.encode(), b"http://purl.oclc.org/ooxml/wordprocessingml/main")
            data = data.replace(b"word/document.xml", b"word/text2.xml")
            new.writestr(name.replace("document.xml", "text2.xml"), data)
    document = read_docx(buffer.getvalue())
    assert lines(accepted(document)) == ("new text",)
    assert lines(original(document)) == (" text",)


def test_a_date_that_is_none_stays_unknown_and_one_with_a_zone_is_in_utc() -> None:
    one = BY.replace("2014-03-04T09:30:00Z", "not a date")
    two = BY.replace("09:30:00Z", "09:30:00+02:00")
    document = read(f"<w:p><w:ins {one}>{r('a')}</w:ins>{r('-')}<w:ins {two}>{r('b')}</w:ins></w:p>")
    assert [change.revision.date for change in changes(document)] == [None, datetime(2014, 3, 4, 7, 30, tzinfo=UTC)]


def test_what_pandoc_writes_is_read() -> None:
    program = shutil.which("pandoc")
    assert program, "pandoc is not here: install the Debian package pandoc"
    source = (
        'We [will]{.deletion author="Alpha" date="2014-03-04T09:30:00Z"}[shall]{.insertion author="Alpha" '
        'date="2014-03-04T09:30:00Z"} protect[Too strong.]{.comment-start id="0" author="Beta" '
        'date="2014-03-04T12:00:00Z"} the net[]{.comment-end id="0"}work.[^1]\n\n[^1]: As *before*.\n\n'
        "| a | b |\n|---|---|\n| c | d |\n"
    )
    made = subprocess.run(
        [program, "--from", "markdown", "--to", "docx", "--output", "-"],
        input=source.encode(),
        capture_output=True,
        check=True,
    )
    document = read_docx(made.stdout)
    assert lines(original(document)) == ("We will protect the network.", "a", "b", "c", "d")
    assert lines(accepted(document))[0] == "We shall protect the network."
    assert [(c.author, c.text) for c in document.comments] == [("Beta", "Too strong.")]
    paragraph = document.blocks[0]
    assert isinstance(paragraph, Paragraph)
    assert [run.text for run in paragraph.runs if run.comments] == [" the net"]
    assert [lines(WordDocument(note.blocks)) for note in document.notes] == [("As before.",)]
    assert read_docx(write_docx(document)) == document
