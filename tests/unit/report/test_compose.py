from hypothesis import given
from hypothesis import strategies as st

from weighbridge.report.fit import Piece, TextSection, compose, utf16_length

PIECES = st.builds(
    lambda text, rank: Piece(text=text, rank=rank, kind=f"rank {rank}"),
    st.text(alphabet="ab⚖🔺", max_size=30),
    st.integers(min_value=0, max_value=3),
)
SECTIONS = st.builds(
    lambda pieces: TextSection(opening="<<", pieces=tuple(pieces), closing=">>"), st.lists(PIECES, max_size=5)
)


def composed(sections, maximum):
    return compose(sections, maximum=maximum, remark=lambda omitted: f"[{sorted(omitted.items())}]", remark_before=0)


def piece(text, rank):
    return Piece(text=text, rank=rank, kind="pieces")


@given(st.lists(SECTIONS, max_size=6), st.integers(min_value=1, max_value=400))
def test_text_is_never_longer_than_allowed(sections, maximum):
    assert utf16_length(composed(sections, maximum)) <= maximum


@given(st.lists(SECTIONS, max_size=6))
def test_text_within_limit_is_complete(sections):
    whole = "".join(f"<<{''.join(each.text for each in section.pieces)}>>" for section in sections if section.pieces)
    assert composed(sections, 10_000) == whole


def test_highest_rank_is_dropped_first():
    sections = [TextSection(pieces=(piece("a" * 50, 1), piece("b" * 50, 2), piece("c" * 50, 2), piece("d" * 50, 0)))]
    assert composed(sections, 180) == "[[('pieces', 1)]]" + "a" * 50 + "b" * 50 + "d" * 50
    assert composed(sections, 125) == "[[('pieces', 2)]]" + "a" * 50 + "d" * 50
    assert composed(sections, 70) == "[[('pieces', 3)]]" + "d" * 50


def test_section_is_dropped_with_its_last_piece():
    sections = [
        TextSection(opening="<details>", pieces=(piece("x" * 100, 5),), closing="</details>"),
        TextSection(pieces=(piece("y", 0),)),
    ]
    assert composed(sections, 60) == "[[('pieces', 1)]]y"


def test_mandatory_text_is_cut_only_if_it_exceeds_limit():
    assert composed([TextSection(pieces=(piece("marker\n" + "🔺" * 100, 0),))], 20) == "marker\n" + "🔺" * 6 + "…"
