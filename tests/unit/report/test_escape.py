"""What comes out of the filter is looked at as GitHub would: as a tree, and by the patterns that it makes links of."""

import html
import re
from html.parser import HTMLParser

import cmarkgfm
import jinja2
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from weighbridge.report.escape import (
    Markdown,
    code,
    fence,
    figure,
    html_code,
    is_marker_key,
    markdown_environment,
    plain_log_line,
    prose,
    text,
    visible,
)

PARTS = [
    *"`|<>[]()!#@*_~\\&;:/.-+=$^{}\"' \n\r\t1aZ",
    "www.",
    "://",
    "http",
    "GH-1",
    "-->",
    "\x1b[",
    "\u202e",
    "1234567",
]
NASTY = st.lists(st.sampled_from(PARTS), max_size=30).map("".join)
ANYTHING = st.one_of(NASTY, st.text(alphabet=st.characters(), max_size=40))
GITHUB_MAKES_LINKS_OF = re.compile(
    r"(?i)@[a-z0-9]|#[0-9]|\bgh-[0-9]|://|www\.|\b(mailto|xmpp):|(?<![0-9a-z_])[0-9a-f]{7,40}(?![0-9a-z_])|:[\w+-]+:"
)
OURS = {
    "p",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "code",
    "summary",
    "details",
    "pre",
    "li",
    "ul",
    "sub",
    "br",
    "wbr",
}


class Tree(HTMLParser):
    """The tags of a rendered document, and its text outside of code."""

    def __init__(self, document):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.loose, self.all, self.comments = [], [], [], [], []
        self._code = 0
        self.feed(document)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._code += tag in {"code", "pre"}
        self.loose.append(" " if tag in {"code", "wbr"} else "")  # GitHub looks at each text node for itself

    def handle_endtag(self, tag):
        self._code -= tag in {"code", "pre"}

    def handle_comment(self, data):
        self.comments.append(data)

    def handle_data(self, data):
        self.all.append(data)
        if not self._code:
            self.loose.append(data)


def as_github(source):
    options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_HARDBREAKS | Options.CMARK_OPT_FOOTNOTES
    return cmarkgfm.github_flavored_markdown_to_html(source, options=options)


MARKDOWN_IT = MarkdownIt("gfm-like", {"html": True})


def as_markdown_it(source):
    return MARKDOWN_IT.render(source)


def cells(shown):
    return f"| first | second |\n|---|---|\n| {shown} | end |\n"


CONTEXTS = {
    "paragraph": lambda shown: f"before {shown} after\n",
    "line": lambda shown: f"{shown}\n",
    "after a paragraph": lambda shown: f"paragraph\n{shown}\n",
    "list": lambda shown: f"- {shown}\n",
    "cell": cells,
    "summary": lambda shown: f"<details><summary>{shown}</summary>\n\nbody\n\n</details>\n",
}

BLOCKS = {
    "list": ["ul", "li"],
    "cell": ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"],
    "summary": ["details", "summary"],
}


def looked_at(shown, *, fit_for):
    for name, context in CONTEXTS.items():
        if name in fit_for:
            source = context(shown)
            for render in (as_github, as_markdown_it):
                tree = Tree(render(source))
                assert set(tree.tags) <= OURS, (name, source, tree.tags)
                assert not tree.attributes, (name, source)
                assert not tree.comments, (name, source)
                assert not GITHUB_MAKES_LINKS_OF.search("".join(tree.loose)), (name, source)
                blocks = [tag for tag in tree.tags if tag not in {"code", "p", "br", "wbr"}]
                assert blocks == BLOCKS.get(name, []), (name, source)
            yield tree


@given(ANYTHING)
def test_text_is_rendered_as_text_everywhere(value):
    assert list(looked_at(text(value), fit_for=CONTEXTS))


@given(ANYTHING)
def test_code_is_rendered_as_code_everywhere(value):
    shown = code(value)
    for tree in looked_at(shown, fit_for=set(CONTEXTS) - {"summary"}):
        assert tree.tags.count("code") == 1


@given(ANYTHING)
def test_code_in_html_stays_code(value):
    assert list(looked_at(html_code(value), fit_for={"summary", "paragraph", "cell"}))


@given(ANYTHING)
def test_prose_has_only_code_markup(value):
    assert list(looked_at(prose(value), fit_for=set(CONTEXTS) - {"summary"}))


def test_each_hostile_sample_is_harmless(hostile_value):
    for filtered in (text, prose):
        assert list(looked_at(filtered(hostile_value), fit_for=set(CONTEXTS) - {"summary"}))
    assert list(looked_at(code(hostile_value), fit_for={"paragraph", "cell", "list"}))
    assert list(looked_at(html_code(hostile_value), fit_for={"summary"}))


@given(st.text(alphabet=st.sampled_from("abc`|\\<>&[]*_@#./:-$ "), min_size=1, max_size=40))
def test_prose_keeps_characters(value):
    expected = re.sub(" +", " ", value).strip()
    for shown in (text(value), code(value)):
        seen = "".join(Tree(as_github(cells(shown))).all)
        assert expected in seen.replace("\n", " ")


@given(st.text(alphabet=st.sampled_from("abc./:@#-=123 "), min_size=1, max_size=40).filter(str.strip))
def test_copied_text_contains_no_invisible_characters(value):
    for shown in (code(value), text(value), prose(value), html_code(value), fence((value,))):
        assert "\u200b" not in html.unescape(shown)


@pytest.mark.parametrize("value", ["10.0.0.1:53: refused", "at 03:04:05Z", "@octocat", "GH-26", "eve@evil.example"])
def test_text_github_would_link_copies_as_it_was(value):
    shown = text(value)
    assert "<wbr>" in shown
    assert "".join(Tree(as_github(shown)).all).strip() == value


def test_escape_sequences_are_removed_and_control_characters_visible():
    assert visible("\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07click\x1b]8;;\x07 \x07\x00") == "red click ␇␀"


def test_invisible_characters_are_made_visible():
    assert visible("a\u202eb\u2066c\u200bd\ufeff") == "a<U+202E>b<U+2066>c<U+200B>d<U+FEFF>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\u0430pi", "<U+0430>pi"),
        ("w\u043erker/\u03bfps", "w<U+043E>rker/<U+03BF>ps"),
        ("служба/образ", "служба/образ"),
        ("βeta ζ", "<U+03B2>eta ζ"),
        ("12 μs and 3 µm, naïve café 画像api", "12 μs and 3 µm, naïve café 画像api"),
        ("a\u2800b", "a<U+2800>b"),
    ],
)
def test_lookalikes_of_latin_letters_are_visible_in_latin_words(value, shown):
    assert visible(value) == shown


def test_invalid_utf_8_is_replaced():
    assert visible("a\udcffb").encode() == "a\ufffdb".encode()


@given(ANYTHING, st.integers(min_value=2, max_value=20))
def test_value_is_cut_to_one_line_of_maximum_length(value, maximum):
    shown = visible(value * 3, maximum=maximum)
    assert len(shown) <= maximum
    assert len(shown.splitlines()) <= 1


def test_value_cut_has_ellipsis():
    assert visible("x" * 500, maximum=10) == "x" * 9 + "…"


def test_value_of_megabytes_is_cut_before_escaping():
    assert visible("@" * 50_000_000, maximum=5) == "@@@@…"


@given(st.lists(ANYTHING, max_size=6))
def test_log_never_leaves_its_fence(lines):
    source = f"before\n\n{fence(tuple(lines))}\n\nafter\n"
    for render in (as_github, as_markdown_it):
        tree = Tree(render(source))
        assert tree.tags == ["p", "pre", "code", "p"]
        assert "".join(tree.loose).split() == ["before", "after"]


def test_fence_is_longer_than_any_run_of_backticks_in_log():
    assert fence(("a ```` b", "`````` ")).splitlines()[0] == "```````text"


def test_of_progress_bar_last_state_is_kept():
    assert plain_log_line("  1 %\r 50 %\r\x1b[32m100 %\x1b[0m\r\n") == "100 %"


def test_only_end_of_log_is_shown():
    shown = fence(tuple(f"line {number}" for number in range(100)), maximum_lines=2).splitlines()
    assert shown == ["```text", "line 98", "line 99", "```"]


@pytest.mark.parametrize(
    "value",
    ["+41.2 MB", "−58 %", "±0 B", "512 B", "≈ 1.14 GB", "+10 MB", "≤ 5.0 MB", "105.4 MB → 62.3 MB", "64.2 → 105.4 MB"],
)
def test_figures_are_not_escaped_and_hold_together(value):
    assert figure(value).replace("\u00a0", " ") == value
    assert " " not in figure(value).replace("→ ", "→")


@pytest.mark.parametrize(
    "path",
    [
        *("services/api/Dockerfile:7", "requirements.txt:4", "/var/lib/apt/lists", "node_modules/@babel/core.js"),
        *("https://deb.debian.org/debian", "./gradle.properties", "Dockerfile.dev"),
    ],
)
def test_paths_and_urls_in_prose_become_code(path):
    assert prose(f"see {path}, then go on") == f"see `{path}`, then go on"


@given(ANYTHING)
def test_figure_invalid_is_escaped(value):
    assert list(looked_at(figure(value), fit_for={"cell", "paragraph"}))


@pytest.mark.parametrize("key", ["default", "a", "size-of_images.v2", "A" * 64])
def test_usual_marker_keys_are_accepted(key):
    assert is_marker_key(key)


@pytest.mark.parametrize("key", ["", "-", "a-", "a--b", "a b", "-->", "a>", "é", "a\n", "A" * 65, ".x"])
def test_keys_able_to_end_marker_are_invalid(key):
    assert not is_marker_key(key)


def rendered(source, **values):
    return markdown_environment(jinja2.DictLoader({"t": source})).get_template("t").render(values)


def test_template_cannot_print_value_unescaped():
    value = "<b>@octocat</b>"
    escaped = text(value)
    for source in (
        "{{ value }}",
        "{{ '' ~ value }}",
        "{{ value | trim }}",
        "{{ [value] | join }}",
        "{{ '%s' | format(value) }}",
        "{% set copy = value %}{{ copy }}",
        "{% for each in [value] %}{{ each }}{% endfor %}",
    ):
        assert rendered(source, value=value) == escaped


def test_template_prints_finished_markdown_unchanged():
    assert rendered("{{ value }}", value=Markdown("**bold**")) == "**bold**"


def test_filter_makes_finished_markdown_value_again():
    assert rendered("{{ value | upper }}", value=Markdown("<b>")) == "&#60;B&#62;"


@pytest.mark.parametrize("name", ["safe", "escape", "e", "forceescape", "urlize", "xmlattr", "tojson"])
def test_template_has_no_filter_for_safe(name):
    with pytest.raises(jinja2.TemplateAssertionError, match=f"No filter named '{name}'"):
        rendered("{{ value | " + name + " }}", value="x")


@pytest.mark.parametrize("value", [None, True, 1.5, ("a",), b"a"])
def test_template_prints_only_text_and_whole_numbers(value):
    with pytest.raises(TypeError, match="may print text and numbers"):
        rendered("{{ value }}", value=value)


def test_template_undefined_name_raises_error():
    with pytest.raises(jinja2.UndefinedError):
        rendered("{{ forgotten }}")
