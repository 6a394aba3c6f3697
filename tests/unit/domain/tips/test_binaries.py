"""Tips on compiled files: symbols that ``strip`` removes, and files that UPX compressed."""

from __future__ import annotations

import pytest
from elf_sections import go_build_info, program

from weighbridge.domain.tips.find import find_tips

CODE = {".text": b"t" * 20_000}
SYMBOLS = {".symtab": b"s" * 6_000, ".debug_info": b"d" * 30_000}
TEXT = "FROM debian\nCOPY app /app\n"


@pytest.fixture
def tips(weighed):
    """`tips(content, …)` are the tips of an image with these files."""

    def find(*contents, text=TEXT, path="/app"):
        files = {f"{path}{number or ''}": content for number, content in enumerate(contents)}
        image, source = weighed(text, {}, files)
        return {tip.code: tip for tip in find_tips(image, source, minimum_saving_bytes=1)}

    return find


@pytest.mark.parametrize(
    ("names", "language"),
    [(b"main", "strip, or"), (b"rust_eh_personality", "CARGO_PROFILE"), (None, 'go build -ldflags="-s -w"')],
)
def test_program_with_symbols_is_named_with_its_saving_and_remedy(tips, names, language):
    extra = {".go.buildinfo": go_build_info("path\tacme\n")} if names is None else {".strtab": names}
    content = program({**CODE, **extra, **SYMBOLS})
    tip = tips(content)["strip-binaries"]
    kept = 20_000 + (len(extra[".go.buildinfo"]) if names is None else 0)
    assert 0 <= len(content) - tip.saved_bytes - kept < 400  # Headers and section names remain.
    assert language in tip.explanation
    assert tip.line == 2


@pytest.mark.parametrize(
    "content",
    [
        program(CODE),
        program({**CODE, **SYMBOLS}, size_bytes=90_000),
        program({"data": b"d" * 20_000, **SYMBOLS}),
        program({**CODE, **SYMBOLS})[:20_000],
        b"\x7fELF" + b"\xff" * 20_000,
    ],
    ids=["stripped", "appended data", "no code", "cut", "damaged"],
)
def test_file_that_strip_does_not_shrink_or_breaks_has_no_tip(tips, content):
    assert "strip-binaries" not in tips(content)


def test_programs_of_one_layer_are_one_tip_largest_saving_first(tips):
    small, large = program({**CODE, ".symtab": b"s" * 5_000}), program({**CODE, **SYMBOLS})
    explanation = tips(small, large)["strip-binaries"].explanation
    assert explanation.index("/app1 (") < explanation.index("/app (")


def upx(original_bytes: int) -> bytes:
    """UPX's ``l_info`` and ``p_info``: the original size is 12 bytes behind the magic."""
    return b"\x00UPX!" + bytes(8) + original_bytes.to_bytes(4, "little")


def test_program_that_upx_compressed_is_named_with_its_original_size(tips):
    tip = tips(program({".text": upx(900_000) + b"t" * 20_000}))["compressed-executable"]
    assert (tip.saved_bytes, tip.line) == (None, 2)
    assert "900.0 kB" in tip.explanation


@pytest.mark.parametrize("head", [upx(100), b"UPX?", b"t" * 1_980 + b"UPX!"], ids=["smaller", "other magic", "cut"])
def test_program_with_other_bytes_is_not_compressed(tips, head):
    assert "compressed-executable" not in tips(program({".text": head + b"t" * 20_000}))
