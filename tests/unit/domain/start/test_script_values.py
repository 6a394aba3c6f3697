"""Values that start scripts compute. Each expected text comes from real runs of dash 0.5, bash 5.2 and busybox 1.37."""

from __future__ import annotations

import time

import pytest

from weighbridge.domain.start.predict import Starts, predict_start
from weighbridge.domain.start.scripts.patterns import matches, trimmed

BASH, DASH, ASH = "bash", "dash", "ash"
EVERY = (BASH, DASH, ASH)


@pytest.fixture
def starts(images, make_elf):
    """`starts(shell, script)` is the prediction for the script in an image with a few programs."""
    static = make_elf(type=2, dynamic=False)
    programs = {
        "/bin/dash": static,
        "/bin/bash": static + b"GNU bash, version 5.2 required file not found",
        "/bin/ash": static + b"BusyBox v1.36 [\0[[\0" + b"".join(b"app%d\0" % n for n in range(30)),
        **{f"/usr/bin/{name}": static for name in ("true", "date", "id", "basename", "dirname")},
        "/etc/passwd": b"root:x:0:0::/root:/bin/sh\n",
        "/link": "/etc",
    }

    def starts(shell, script):
        text = f"#!/bin/{shell}\n{script}\n".encode()
        return predict_start(images.config("/s"), images.rootfs({**programs, "/s": text})).starts

    return starts


def check(variable, text):
    return f'[ "{variable}" = "{text}" ] || exec nosuch\nexec true'


@pytest.mark.parametrize(
    ("shells", "script", "variable", "value"),
    [
        # Field splitting (POSIX XCU 2.6.5).
        (EVERY, "IFS=:; v=a::b; set -- $v", "$#", "3"),
        (EVERY, "IFS=:; v=a:b:; set -- $v", "$#", "2"),
        (EVERY, "IFS=:; v=:a; set -- $v", "$#", "2"),
        (EVERY, "IFS=:; v=':'; set -- $v", "$#", "1"),
        (EVERY, "IFS=' :'; v=' :a: :b'; set -- $v", "$#", "4"),
        (EVERY, "IFS=', '; v='a , b,,c'; set -- $v", "$#", "4"),
        (EVERY, "IFS=-^]; v='a-b^c]d'; set -- $v", "$#", "4"),
        (EVERY, "IFS=; v='a b'; set -- $v", "$#", "1"),
        (EVERY, "v='a  b '; set -- $v", "$#-$2", "2-b"),
        (EVERY, "v='a '; set -- ${v}x", "$#-$1", "2-a"),
        (EVERY, "v=' a'; set -- x$v", "$#-$1", "2-x"),
        (EVERY, "v=' '; set -- a$v", "$#$1", "1a"),
        (EVERY, "v='  '; set -- $v", "$#", "0"),
        (EVERY, "set -- 'a b' '' c; set -- $@", "$#", "3"),
        (EVERY, "IFS=; set -- 'a b' '' c; set -- $@", "$#", "2"),
        (EVERY, "set -- 'a b' c; set -- x$@y", "$#$1$3", "3xacy"),
        (EVERY, 'IFS=:; set -- a b; v="$*"', "$v", "a:b"),
        (EVERY, "IFS=; set -- a b; v=$*", "$v", "ab"),
        (EVERY, 'IFS=,; set -- a b; set -- "x$*"', "$1", "xa,b"),
        ((BASH,), 'IFS=:; set -- a b; v="$@"', "$v", "a b"),
        ((DASH, ASH), 'IFS=:; set -- a b; v="$@"', "$v", "a:b"),
        ((BASH,), 'IFS=,; a=(x y); v="${a[*]}"', "$v", "x,y"),
        # File names.
        (EVERY, "set -f; v=$(echo *)", "$v", "*"),
        (EVERY, "set -o noglob; set -- /et*; v=$1", "$v", "/et*"),
        (EVERY, "set -f; set +f; v=$(echo /et*)", "$v", "/etc"),
        (EVERY, "HOME=/h; x=~/a", "$x", "/h/a"),
        # Folders.
        (EVERY, "cd /etc; cd /; v=$OLDPWD", "$v", "/etc"),
        (EVERY, "cd /etc; cd ..; v=$PWD", "$v", "/"),
        # Parameters.
        (EVERY, "set --; set -- ${@:-a b}", "$#$2", "2b"),
        (EVERY, "set -- p; set -- ${@:+a b}", "$#$2", "2b"),
        (EVERY, "set -- a.x b.x; set -- ${@%.x}", "$#$2", "2b"),
        (EVERY, "v=abc; x=${v#}", "$x", "abc"),
        (EVERY, "n=; x=${n-d}${n:-e}${n+f}${n:+g}", "$x", "ef"),
        ((BASH, ASH), "v=abcdef; x=${v:2}${v: -2}${v:1:-1}", "$x", "cdefefbcde"),
        ((BASH, ASH), "v=abc; x=${v/b}${v//}", "$x", "acabc"),
        ((BASH,), "v=ABC; x=${v,}${v,,}", "$x", "aBCabc"),
        ((BASH,), "v=abc; x=${v^}${v^^}", "$x", "AbcABC"),
        ((BASH,), "unset n; set -- ${n[@]-d e}", "$#$1", "2d"),
        ((BASH,), 'a=(p q); set -- "${a[@]+"${a[@]}"}"', "$#$2", "2q"),
        ((BASH,), "x=${#n[@]}", "$x", "0"),
        ((BASH,), "a=(x y z); set -- ${a[@]:1:1}", "$#$1", "1y"),
        # Arithmetic.
        (EVERY, "v=$(((1+2)*3))", "$v", "9"),
        (EVERY, "v=$((1 && 2))$((0 || 0))$((!3))$((~1))", "$v", "100-2"),
        (EVERY, "v=$((((((1))))))", "$v", "1"),
        (EVERY, "i=3; : $((i+=2)) $((j=i*2))", "$i$j", "510"),
        ((BASH, DASH), "i=3; : $((i==3 ? (k=1) : (k=2)))", "$k", "1"),
        ((BASH, DASH), "i=3; : $((0 && (i=9))) $((1 || (i=8)))", "$i", "3"),
        ((BASH, ASH), "v=$((2**3))", "$v", "8"),
        ((BASH, ASH), "i=3; : $((i++)) $((++i)) $((i--))", "$i", "4"),
        ((BASH, ASH), "v=$((++5))", "$v", "5"),
        # Tests.
        (EVERY, "[ -s /etc/passwd ] && [ -r /etc/passwd ] && [ -w /etc/passwd ] && v=1", "$v", "1"),
        (EVERY, "[ -p /etc/passwd ] || [ -L /etc/passwd ] || v=1", "$v", "1"),
        (EVERY, "[ -L /link ] && [ /etc -ef /etc ] && v=1", "$v", "1"),
        ((BASH,), "[[ ! a == b && a == a ]] && v=1", "$v", "1"),
        ((BASH,), "[[ a == b || b == b ]] && v=1", "$v", "1"),
        ((BASH,), "[[ 3 -lt 10 ]] && [[ a < b ]] && v=1", "$v", "1"),
        ((BASH,), "case a in a) v=1;& b) v=${v}2;; esac", "$v", "12"),
        # Outputs.
        (EVERY, "v=$(basename /a/)$(basename .c .c)$(basename /)", "$v", "a.c/"),
        (EVERY, "v=$(id -u)$(id -g)$(id -un)$(id -u root)", "$v", "00root0"),
        (EVERY, "v=$(dirname a)$(dirname /)$(dirname /a)", "$v", ".//"),
        # Options and arguments.
        (EVERY, "set a b; v=$1", "$v", "a"),
        (EVERY, "set -- a; set -; v=$1", "$v", "a"),
        (EVERY, "getopts a o -a; v=$o", "$v", "a"),
        (EVERY, 'n=v; export "$n=5"', "$v", "5"),
        (EVERY, 'n=a; export "$n"; v=1', "$v", "1"),
        # Variables and flow.
        (EVERY, "f() { local -; v=1; }; f", "$v", "1"),
        (EVERY, "f() { local a; a=3; }; a=0; f", "$a", "0"),
        (EVERY, "v=1; ( v=2 )", "$v", "1"),
        (EVERY, "for i in 1 2; do for j in a b; do [ $j = b ] && continue 2; v=$v$i$j; done; done", "$v", "1a2a"),
        (EVERY, "for i in 1 2; do for j in a b; do break 2; done; done; v=$i$j", "$v", "1a"),
        (EVERY, "i=3; until [ $i = 0 ]; do i=$((i-1)); done", "$i", "0"),
        (EVERY, "case abc in [!a]*) v=1;; ?bc) v=2;; esac", "$v", "2"),
        (EVERY, "case ']' in []]) v=1;; esac", "$v", "1"),
        (EVERY, "case '[a' in [a) v=1;; esac", "$v", "1"),
        (EVERY, "case a-b in *[[:alpha:]]-*) v=1;; esac", "$v", "1"),
        (EVERY, "v=$(basename /a/b.c .c)$(dirname /a/b)", "$v", "b/a"),
    ],
)  # fmt: skip
def test_script_computes_the_value_of_the_real_shell(starts, shells, script, variable, value):
    for shell in shells:
        assert starts(shell, f"{script}\n{check(variable, value)}") is Starts.YES
        assert starts(shell, f"{script}\n{check(variable, f'{value}x')}") is Starts.NO


@pytest.mark.parametrize(
    ("shells", "script", "variable"),
    [
        (EVERY, "v=$((1<<70))", "$v"),
        (EVERY, "v=$((99999999999999999999))", "$v"),
        (EVERY, "v=$((4611686018427387904*4))", "$v"),
        (EVERY, "v=$((9223372036854775807+1))", "$v"),
        ((BASH, ASH), "v=$((10**20))", "$v"),
        ((BASH, ASH), "v=$((2**-1))", "$v"),
        (EVERY, "v=$((1 ? 2))", "$v"),
        (EVERY, "v=$((1 + @))", "$v"),
        ((ASH,), "i=3; : $((1 || (i=8)))", "$i"),
        ((BASH, ASH), "a=b; v=$((a))", "$v"),
        ((BASH,), "b='a b'; v=${!b}", "$v"),
        ((BASH,), 'a=(x y); v="${!a[@]}"', "$v"),
        ((BASH,), "a=(x y z); v=${a[@]: -1}", "$v"),
        ((BASH,), "set -- a b c; n=2; v=${@:n}", "$v"),
        ((BASH, ASH), "v=abcdef; n=2; v=${v:n}", "$v"),
        ((BASH,), "v=abc; v=${v@U}", "$v"),
        ((BASH,), "v=abc; v=${v^^[b]}", "$v"),
        (EVERY, "IFS=$(date); w=a:b; set -- $w", "$#"),
        (EVERY, 'IFS=$(date); set -- a b; v="$*"', "$v"),
        (EVERY, "cd /link; v=$PWD", "$v"),
        (EVERY, "cd /link; cd ..; v=$PWD", "$v"),
        (EVERY, "v=~root", "$v"),
        (EVERY, "n=0; for f in $(date); do n=$((n+1)); done", "$n"),
        ((BASH,), "v=$(< /etc/passwd)", "$v"),
        ((BASH,), "for ((i=0; i<3; i++)); do v=$v$i; done", "$v"),
        ((BASH,), "for ((i=0; i<3; i++)); do :; done", "$i"),
        ((BASH,), "a[0]=1", "${a[0]}"),
        ((BASH,), "printf -v v %s x", "$v"),
        ((BASH,), "let v=1+2", "$v"),
        (EVERY, "cd $(date); set -- *", "$1"),
        (EVERY, "set -- /tmp/*", "$1"),
        ((BASH,), "shopt -s extglob; set -- /et*", "$1"),
    ],
)
def test_value_that_only_the_running_script_knows_stops_nothing(starts, shells, script, variable):
    for shell in shells:
        assert starts(shell, f"{script}\n{check(variable, 'a')}") is not Starts.NO
        assert starts(shell, f"{script}\n{check(variable, 'b')}") is not Starts.NO


def test_patterns_with_many_stars_are_matched_in_linear_time():
    begin = time.process_time()
    assert not matches("a" * 4_000, (("*a" * 20 + "*b", False),))
    assert matches("a" * 4_000, (("*a" * 20 + "*", False),))
    assert trimmed("a" * 400, (("*a*a*b", False),), suffix=True, longest=True) == "a" * 400
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    ("text", "pattern", "matched"),
    [
        ("aXbYc", "a*b*c", True),
        ("abcabc", "a*bc", True),
        ("abcab", "a*bc", False),
        ("aba", "*a*a", True),
        ("a", "*a*a", False),
        ("abc", "**", True),
        ("", "*", True),
        ("ab", "?*?", True),
        ("a", "?*?", False),
    ],
)
def test_pattern_with_stars_matches_as_the_shells_do(text, pattern, matched):
    assert matches(text, ((pattern, False),)) is matched
