"""The flag that builds without symbols: where it goes, and where it is not put."""

from __future__ import annotations

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.dockerfile.edits import apply_edits
from weighbridge.domain.tips.proposals.stripped import stripped_build
from weighbridge.domain.tips.tip import DockerfileSource, Language


def changed(run: str, *languages: Language) -> str | None:
    text = f"FROM x AS build\n{run}\nFROM scratch\nCOPY --from=build /a /a\n"
    change = stripped_build(
        DockerfileSource(text=text, dockerfile=parse_dockerfile(text, path="Dockerfile")), languages
    )
    if change is None:
        return None
    after = apply_edits(text, change.edits)
    return after.removeprefix("FROM x AS build\n").removesuffix("\nFROM scratch\nCOPY --from=build /a /a\n")


@pytest.mark.parametrize(
    ("language", "before", "after"),
    [
        (Language.C, "RUN gcc -o /a a.c", "RUN gcc -o /a a.c -s"),
        (Language.C, "RUN cd /src && g++-12 a.cc -o /a > log", "RUN cd /src && g++-12 a.cc -o /a -s > log"),
        (Language.C, "RUN gcc -c a.c && gcc a.o -o /a", "RUN gcc -c a.c && gcc a.o -o /a -s"),
        (Language.C, "RUN gcc -o /a a.c && gcc -o /b b.c", "RUN gcc -o /a a.c -s && gcc -o /b b.c -s"),
        (Language.GO, "RUN go build -o /a .", 'RUN go build -ldflags="-s -w" -o /a .'),
        (Language.GO, 'RUN go build -ldflags="-X main.v=1" .', 'RUN go build -ldflags="-s -w -X main.v=1" .'),
        (Language.GO, "RUN go build -ldflags '-X main.v=1' .", "RUN go build -ldflags '-s -w -X main.v=1' ."),
        (Language.RUST, "RUN cargo build --release", "RUN cargo build --release --config profile.release.strip=true"),
        (Language.RUST, "RUN cargo build", "RUN cargo build --config profile.dev.strip=true"),
        (Language.RUST, "RUN rustc a.rs -o /a", "RUN rustc a.rs -o /a -C strip=symbols"),
    ],
)
def test_flag_has_position_of_language(language, before, after):
    assert changed(before, language) == after


@pytest.mark.parametrize(
    ("language", "run"),
    [
        (Language.C, "RUN make"),
        (Language.C, "RUN gcc -s -o /a a.c"),
        (Language.C, "RUN gcc -c a.c"),
        (Language.C, "RUN gcc -g -o /a a.c"),
        (Language.C, 'RUN ["gcc", "-o", "/a", "a.c"]'),
        (Language.GO, 'RUN go build -ldflags="-w -s" .'),
        (Language.GO, "RUN go build -ldflags=$FLAGS ."),
        (Language.GO, "ENV GOFLAGS=-ldflags=-s\nRUN GOFLAGS=-x go build ."),
        (Language.RUST, "RUN cargo build --profile small"),
        (Language.RUST, "RUN rustc -C strip=symbols a.rs"),
        (Language.GO, "RUN gcc -o /a a.c"),
    ],
)
def test_build_command_unsupported_or_stripping_is_unchanged(language, run):
    assert changed(run, language) is None


def test_several_languages_are_changed_together_or_not_at_all():
    both = "RUN gcc -o /a a.c && go build ."
    assert changed(both, Language.C, Language.GO) == 'RUN gcc -o /a a.c -s && go build -ldflags="-s -w" .'
    assert changed("RUN gcc -o /a a.c", Language.C, Language.GO) is None
