"""Whatever an image holds, no byte of it is counted twice, and no tip saves more than there is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.domain.tips.context import context_of
from weighbridge.domain.tips.find import _IN_FILES, OPTIONAL_CODES, find_tips
from weighbridge.domain.tips.tip import Basis

FOLDERS = (
    *(
        "app",
        "app/.git",
        "app/tests",
        "app/.git/__pycache__",
        "app/node_modules/a",
        "app/node_modules/a/node_modules/b",
    ),
    *(
        "root/.cache/pip",
        "var/lib/apt/lists",
        "usr/share/man",
        "usr/include",
        "usr/local/go/bin",
        "srv/__pycache__",
        "tmp",
    ),
)
NAMES = ("x.a", "main.c", "x.tar.gz", "package.json", "libx.so", "x.pyc", "CACHEDIR.TAG", "data")
CONTENTS = tuple(bytes([number]) * size for number, size in enumerate((9_000, 9_000, 20_000, 150_000)))
LAYER = st.dictionaries(
    st.builds("/".join, st.tuples(st.sampled_from(FOLDERS), st.sampled_from(NAMES))),
    st.sampled_from(range(len(CONTENTS))),
    max_size=12,
)
DOCKERFILE = "FROM debian\nCOPY . /\nRUN apt-get install --no-install-recommends x\n"


@settings(max_examples=25)
@given(base=LAYER, copied=LAYER, installed=LAYER)
def test_no_byte_is_counted_by_two_computed_tips(weighed, base, copied, installed):
    layers = ({path: CONTENTS[number] for path, number in layer.items()} for layer in (base, copied, installed))
    image, source = weighed(DOCKERFILE, *layers)
    tips = find_tips(image, source, minimum_saving_bytes=1, include=OPTIONAL_CODES)
    own_bytes = sum(layer.unpacked_bytes for layer in image.layers if not layer.from_base_image)
    computed = [tip.saved_bytes for tip in tips if tip.basis is Basis.COMPUTED or tip.code == "use-multi-stage"]
    assert sum(filter(None, computed)) <= own_bytes


@settings(max_examples=25)
@given(base=LAYER, copied=LAYER, installed=LAYER)
def test_tip_families_count_each_own_file_once(weighed, base, copied, installed):
    layers = ({path: CONTENTS[number] for path, number in layer.items()} for layer in (base, copied, installed))
    image, source = weighed(DOCKERFILE, *layers)
    context = context_of(image, source)
    own = {file.inode: file.size_bytes for file in context.own}
    for family in _IN_FILES.values():
        files = [file for found in family(context) for file in found.files]
        assert len({file.inode for file in files}) == len(files)
        assert all(file.inode in own for file in files)
        for found in family(context):
            assert found.tip.saved_bytes is None or found.tip.saved_bytes <= sum(
                own[file.inode] for file in found.files
            )
