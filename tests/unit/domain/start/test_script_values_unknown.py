"""Values that only the running container knows: both ways are followed, so that no working script is a "no"."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts

LIBRARY = {"/lib.sh": b'[ "$1" = a ] && exec true\nreturn 0\n', "/set.sh": b"set -- z\n", "/etc/group": b"root:x:0:\n"}


@pytest.mark.parametrize(
    ("shell", "text"),
    [
        ("dash", 'export "$HOSTNAME=x"\n[ -n "$A" ] && exec true'),
        ("bash", 'A=x\nexport A+=y\n[ "$A" = xy ] && exec true'),
        ("bash", 'declare "A[0]=y"\n[ "$A" = y ] && exec true'),
        ("dash", 'while getopts "$HOSTNAME" o; do exec true; done'),
        ("dash", 'OPTIND=$HOSTNAME\nwhile getopts a o; do exec true; done'),
        ("dash", 'A=1\nunset "$HOSTNAME"\n[ -z "$A" ] && exec true'),
        ("dash", 'A=1\nread "$HOSTNAME"\n[ -z "$A" ] && exec true'),
        ("dash", '[ "$(id -u ghost)" = 5 ] && exec true'),
        ("dash", '[ "$(basename "$HOSTNAME")" = a ] && exec true'),
        ("dash", '[ "$(realpath)" = a ] && exec true'),
        ("dash", '[ "$(cat /nosuch)" = a ] && exec true'),
        ("dash", f"[ $(({'(' * 60}1{')' * 60})) = 1 ] && exec true"),
        ("bash", '[ $((111111111111111111111 + 1)) = 2 ] && exec true'),
        ("bash", 'A=(1 2)\n[ $((A + 1)) = 2 ] && exec true'),
        ("bash", 'A=b\nb=1\n[ $((A + 1)) = 2 ] && exec true'),
        ("dash", 'while :; do :; done | cat'),
        ("dash", 'shift "$HOSTNAME"\nexec "$@"'),
        ("dash", '[ -t 0 ] && exec true'),
        ("dash", '[ -o errexit ] && exec true'),
        ("dash", 'cd "$HOSTNAME"\n[ -f x ] && exec true'),
        ("dash", 'cd "$HOSTNAME"\n[ "$(cat x)" = a ] && exec true'),
        ("dash", 'cd "$HOSTNAME"\ngrep -q a x && exec true'),
        ("dash", 'cd "$HOSTNAME"\nexec ./x'),
        ("dash", 'PATH=$HOSTNAME\nexec x'),
        ("bash", 'X=abc\n[ "${X/$HOSTNAME/}" = abc ] && exec true'),
        ("bash", 'X=abc\n[ "${X#$HOSTNAME}" = bc ] && exec true'),
        ("bash", 'X=abc\n[ "${X/#a/}" = bc ] && exec true'),
        ("bash", '[ "$RANDOM" = 1 ] && exec true'),
        ("bash", 'A=(1 2)\n[ "${A[$HOSTNAME]}" = 2 ] && exec true'),
        ("dash", 'command -v "$HOSTNAME" && exec true'),
        ("dash", 'f() { f; }\nf'),
        ("dash", f"{'( ' * 60}true{' )' * 60}"),
        ("dash", f"for i in {'1 ' * 60}; do for j in {'1 ' * 60}; do :; done; done"),
        ("dash", 'for i in 1 2 3 4 5; do [ "$HOSTNAME" = $i ] && eval A$i=1; done\n[ "$A1$A2" = 11 ] && exec true'),
        ("dash", 'set -- "$HOSTNAME"\neval "$1"\n[ "$X" = 1 ] && exec true'),
    ],
)  # fmt: skip
def test_unknown_value_is_no_certain_failure(run_script, shell, text):
    assert run_script(f"{text}\nexec nosuch", shell=shell).starts is not Starts.NO


@pytest.mark.parametrize(
    ("shell", "text", "arguments"),
    [
        ("dash", 'while getopts "a:" o; do [ "$o$OPTARG" = ab ] && exec true; done', ("-a", "b")),
        ("dash", 'N=X\nX=true\nexport "$N"\nexec dash -c \'exec "$X"\'', ()),
        ("dash", "set -a\nX=true\nexec dash -c 'exec \"$X\"'", ()),
        ("dash", '[ "$(basename "")" = "" ] && exec true', ()),
        ("dash", '[ "$(basename /)$(basename a.b .b)$(basename .b .b)" = /a.b ] && exec true', ()),
        ("dash", '[ "$(dirname a/b)$(dirname a)$(dirname /a)" = a./ ] && exec true', ()),
        ("dash", '[ "$(id -gn)$(id -u root)$(id -g)" = root00 ] && exec true', ()),
        ("dash", "! true | false && exec true", ()),
        ("dash", "if ! true | true; then exec nosuch; fi\nexec true", ()),
        ("dash", '[ "$( (echo a) )" = a ] && exec true', ()),
        ("bash", "((1/0)) || exec true", ()),
        ("dash", "i=0\nwhile [ $i -lt 30 ]; do i=$((i+1)); done\n[ $i = 30 ] && exec true", ()),
        ("dash", "while { read l; }; do :; done < /etc/group\nexec true", ()),
        ("dash", 'printf -- "%s" a\nexec true', ()),
        ("dash", 'set -e\necho a > "$HOSTNAME"\nexec true', ()),
        ("dash", "case '[a' in [a) exec true;; esac", ()),
        ("dash", "case '[[:x' in [[:x) exec true;; esac", ()),
        ("bash", 'X=ab\n[ "${X^}${X^^}" = AbAB ] && exec true', ()),
        ("bash", 'X=AB\n[ "${X,}${X,,}" = aBab ] && exec true', ()),
        ("bash", '[ "${BASH_SOURCE[0]}" = /s ] && exec true', ()),
        ("bash", ". /lib.sh a", ()),
        ("ash", '. /set.sh b\n[ "$1" = c ] && exec true', ("c",)),
        ("bash", '. /set.sh b\n[ "$1" = z ] && exec true', ("c",)),
        ("dash", '. /set.sh b\n[ "$1" = z ] && exec true', ("c",)),
        ("dash", '. /lib.sh a\n[ "$1" = c ] && exec true', ("c",)),
        ("bash", 'case a in a) X=1 ;;& b) X=2 ;; *) [ "$X" = 1 ] && exec true ;; esac', ()),
        ("bash", 'case a in a) X=1 ;;& b) X=2 ;; esac\n[ "$X" = 1 ] && exec true', ()),
        ("bash", 'case a in a) X=1 ;& b) X=2$X ;; *) X=3 ;; esac\n[ "$X" = 21 ] && exec true', ()),
        ("dash", 'set -e\nexport \'A=b\' C"=d" "E=f"\n[ $A$C$E = bdf ] && exec true', ()),
        ("ash", 'set -e\nreadonly "A=b c"\n[ "$A" = \'b c\' ] && exec true', ()),
        ("bash", 'f() { local "A=b"; [ $A = b ] && exec true; }\nf', ()),
        ("bash", '. /lib.sh b\n[ "$1" = c ] && exec true', ("c",)),
        ("bash", "trap 'X=1' ERR\nfalse\n[ \"$X\" = 1 ] && exec true", ()),
        ("bash", "A=x\nA+=(y)\n[ \"${A[*]}\" = 'x y' ] && exec true", ()),
        ("dash", "cd / -- 2> /dev/null || true\nexec true", ()),
    ],
)
def test_known_value_decides(run_script, shell, text, arguments):
    prediction = run_script(f"{text}\nexec nosuch", *arguments, shell=shell, files=LIBRARY)
    assert prediction.starts is Starts.YES


@pytest.mark.parametrize(
    ("shell", "text", "predicts"),
    [
        ("dash", "set -e\nfor i in 1; do :; done < /nosuch", "/s: 3: cannot open /nosuch: No such file"),
        ("dash", "set -e\ncase a in a) ;; esac < /nosuch", "/s: 3: cannot open /nosuch: No such file"),
        ("bash", "set -u\n((PORT + 1))", "/s: line 3: PORT: unbound variable"),
        ("dash", "echo ${.x}", "/s: 2: Bad substitution"),
        ("dash", "x=$((1 + (2))", "/s: 4: Syntax error: Missing '))'"),
    ],
)
def test_certain_failure_of_a_value_has_its_text(run_script, shell, text, predicts):
    prediction = run_script(f"{text}\nexec true", shell=shell)
    assert prediction.starts is Starts.NO
    assert prediction.findings[-1].predicts.startswith(predicts)
