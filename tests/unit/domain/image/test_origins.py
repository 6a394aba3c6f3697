"""Each layer is mapped to the Dockerfile instruction that made it.

The texts of the histories are those that BuildKit (20.10, 26.1) and the classic builder wrote for these Dockerfiles.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.image.image import HistoryEntry
from weighbridge.domain.image.origins import history_text, layer_origins

BASE = ["ADD rootfs.tar / # buildkit", '-CMD ["bash"]']

DOCKERFILE = """\
FROM debian AS build
ARG VERSION=1
ENV A=1 B=${VERSION}
RUN mkdir -p /x && \\
    # a comment in between
    echo "one" > /x/one
WORKDIR /w
COPY src b ./
ONBUILD RUN echo trigger > /trigger
RUN echo same
RUN echo same
FROM build
LABEL a=b
RUN ["/bin/sh", "-c", "echo exec > /exec"]
COPY --from=build --chown=1:1 /x/one /y/
SHELL ["/bin/bash", "-c"]
RUN echo bash > /bash
ADD b /added
CMD echo hi
"""

BUILDKIT = [
    *BASE,
    "-ARG VERSION=1",
    "-ENV A=1 B=1",
    'RUN |1 VERSION=1 /bin/sh -c mkdir -p /x &&     echo "one" > /x/one # buildkit',
    "WORKDIR /w",
    "COPY src b ./ # buildkit",
    "RUN |1 VERSION=1 /bin/sh -c echo same # buildkit",
    "RUN |1 VERSION=1 /bin/sh -c echo same # buildkit",
    "RUN /bin/sh -c echo trigger > /trigger # buildkit",
    "-LABEL a=b",
    "RUN |1 VERSION=1 /bin/sh -c echo exec > /exec # buildkit",
    "COPY --chown=1:1 /x/one /y/ # buildkit",
    "-SHELL [/bin/bash -c]",
    "RUN |1 VERSION=1 /bin/bash -c echo bash > /bash # buildkit",
    "ADD b /added # buildkit",
    '-CMD ["/bin/bash" "-c" "echo hi"]',
]

CLASSIC = [
    *BASE,
    "-/bin/sh -c #(nop)  ARG VERSION=1",
    "-/bin/sh -c #(nop)  ENV A=1 B=1",
    '|1 VERSION=1 /bin/sh -c mkdir -p /x &&     echo "one" > /x/one',
    "/bin/sh -c #(nop) WORKDIR /w",
    "/bin/sh -c #(nop) COPY multi:865c6f69c42e0008993c41a40e3487cd in ./ ",
    "-/bin/sh -c #(nop)  ONBUILD RUN echo trigger > /trigger",
    "|1 VERSION=1 /bin/sh -c echo same",
    "|1 VERSION=1 /bin/sh -c echo same",
    "/bin/sh -c echo trigger > /trigger",
    "-/bin/sh -c #(nop)  LABEL a=b",
    "/bin/sh -c echo exec > /exec",
    "/bin/sh -c #(nop) COPY --chown=1:1file:200faddb48f8b6f88190101c11c5 in /y/ ",
    "-/bin/bash -c #(nop)  SHELL [/bin/bash -c]",
    "/bin/bash -c echo bash > /bash",
    "/bin/bash -c #(nop) ADD file:c30af0dc159ad65333707b5f57d479de06c1 in /added ",
    '-/bin/bash -c #(nop)  CMD ["/bin/bash" "-c" "echo hi"]',
    "-/bin/bash -c #(nop)  LABEL z=1",
]


def entries(texts: list[str]) -> list[HistoryEntry]:
    """History entries of texts; a leading dash marks an empty layer."""
    return [HistoryEntry(created_by=text.removeprefix("-"), empty_layer=text.startswith("-")) for text in texts]


def lines(texts: list[str], dockerfile: str, target: str | None = None) -> list[int | None]:
    parsed = parse_dockerfile(dockerfile, path="Dockerfile")
    return [origin.line for origin in layer_origins(entries(texts), parsed, parsed.final_stage(target))]


@pytest.mark.parametrize("history", [BUILDKIT, CLASSIC], ids=["buildkit", "classic"])
def test_layers_are_mapped_through_both_stages(history):
    assert lines(history, DOCKERFILE) == [None, 4, 7, 8, 10, 11, 9, 14, 15, 17, 18]


def test_layer_of_base_image_is_marked():
    origins = layer_origins(entries(BUILDKIT), parse_dockerfile(DOCKERFILE, path="Dockerfile"))
    assert [one.from_base_image for one in origins] == [True] + [False] * 10
    assert origins[0].text == "ADD rootfs.tar /"
    assert origins[1].text == 'RUN mkdir -p /x && echo "one" > /x/one'


def test_instruction_equal_to_one_of_base_image_maps_to_later_layer():
    history = [
        "COPY a / # buildkit",
        "RUN /bin/sh -c x # buildkit",
        "COPY a / # buildkit",
        "RUN /bin/sh -c x # buildkit",
    ]
    assert lines(history, "FROM base\nCOPY a /\nRUN x\n") == [None, None, 2, 3]


def test_stage_without_instructions_is_all_base_image():
    assert lines(BASE, "FROM debian\n") == [None]


def test_scratch_has_no_base_image_layers():
    parsed = parse_dockerfile("FROM scratch\nCOPY a /\n", path="Dockerfile")
    origins = layer_origins(entries(["something else", "COPY a / # buildkit"]), parsed)
    assert [(one.line, one.from_base_image) for one in origins] == [(None, False), (2, False)]


def test_heredocs_are_mapped():
    dockerfile = (
        "FROM a\nRUN <<EOF\necho 1\necho 2\nEOF\nRUN <<E2\n#!/bin/sh\nx\nE2\n"
        "COPY <<EOF /z\ntext\nEOF\nRUN cat <<E1\nh\nE1\n"
    )
    history = [
        "RUN /bin/sh -c echo 1\necho 2\n # buildkit",
        "RUN /bin/sh -c /dev/pipes/E2 # buildkit",
        "COPY <<EOF /z # buildkit",
        "RUN /bin/sh -c cat <<E1\nh\nE1 # buildkit",
    ]
    assert lines([*BASE, *history], dockerfile) == [None, 2, 6, 10, 13]


def test_triggers_of_base_image_map_to_from():
    parsed = parse_dockerfile("# hello\nFROM base\nRUN mine\n", path="Dockerfile")
    history = entries(["ADD x / # buildkit", "RUN /bin/sh -c trigger # buildkit", "RUN /bin/sh -c mine # buildkit"])
    origins = layer_origins(history, parsed, base_image_layers=1)
    assert [(one.line, one.from_base_image) for one in origins] == [(None, True), (2, False), (3, False)]


def test_image_of_another_dockerfile_is_mapped_partly():
    history = [*BASE, "RUN /bin/sh -c old # buildkit", "COPY a /a # buildkit"]
    assert lines(history, "FROM debian\nRUN new\nENV X=1\nCOPY a /a\n") == [None, 2, 4]


def test_indented_heredoc_is_mapped():
    dockerfile = "FROM a\nRUN x\nRUN <<-EOF\n\techo 1\n\tEOF\n"
    history = ["RUN /bin/sh -c x # buildkit", "RUN /bin/sh -c echo 1\n # buildkit"]
    assert lines([*BASE, *history], dockerfile) == [None, 2, 3]


def test_long_history_with_instruction_too_many_is_mapped_from_its_end():
    instructions = [f"RUN echo {number}" for number in range(1_001)]
    history = [f"RUN /bin/sh -c echo {number} # buildkit" for number in range(1_001) if number != 500]
    dockerfile = "\n".join(["FROM a", *instructions]) + "\n"
    found = lines(history, dockerfile)
    assert found[500:] == list(range(503, 1_003))
    assert found[:500] == list(range(2, 502))


def test_history_without_texts_maps_no_layer():
    parsed = parse_dockerfile(DOCKERFILE, path="Dockerfile")
    origins = layer_origins([HistoryEntry(created_by=None, empty_layer=False)] * 3, parsed)
    assert [one.line for one in origins] == [None] * 3


@pytest.mark.parametrize(
    ("created_by", "text"),
    [
        ("RUN |2 A=1 B=x y /bin/sh -c make # buildkit", "RUN make"),
        ("/bin/sh -c apt-get   update", "RUN apt-get update"),
        ('/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'),
        ("/bin/sh -c #(nop) ADD file:1234 in / ", "ADD file:1234 in /"),
        ("bazel build //x", "bazel build //x"),
        ("RUN |1 NPM_TOKEN=a b c /bin/bash -o pipefail -c npm ci # buildkit", "RUN /bin/bash -o pipefail -c npm ci"),
        ("|1 NPM_TOKEN=abc /bin/dash npm ci", "RUN |1 NPM_TOKEN=*** /bin/dash npm ci"),
        ("/bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2", "ENV DB_PASSWORD=***"),
        ("  ", None),
        (None, None),
    ],
)
def test_history_text_gives_instruction(created_by, text):
    assert history_text(created_by) == text


_ENTRIES = st.lists(st.tuples(st.sampled_from([*BUILDKIT, *CLASSIC, "", "x"]), st.booleans()), max_size=60)


@given(_ENTRIES)
def test_each_layer_has_one_origin_in_order_of_stage(texts):
    history = [HistoryEntry(created_by=text, empty_layer=empty) for text, empty in texts]
    origins = layer_origins(history, parse_dockerfile(DOCKERFILE, path="Dockerfile"))
    assert len(origins) == sum(not entry.empty_layer for entry in history)
    mapped = [one.instruction for one in origins if one.instruction is not None]
    assert len({id(one) for one in mapped}) == len(mapped)
    first = next((index for index, one in enumerate(origins) if one.instruction), len(origins))
    assert not any(one.from_base_image for one in origins[first:])
