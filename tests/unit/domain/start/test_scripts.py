"""Idioms of start scripts. Expected texts come from real runs of dash 0.5, bash 5.2 and busybox 1.35."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts
from weighbridge.domain.start.scripts.option_reading import read_option


@pytest.fixture
def run(run_script):
    return run_script


@pytest.mark.parametrize(
    ("shell", "text", "arguments"),
    [
        ("dash", "exec bash -n /s", ()),
        ("dash", "alias run=true\nrun", ()),
        ("ash", "alias ls='ls -l'\nset -e\nls /\nexec true", ()),
        ("dash", "trap 'exit 0' EXIT\nset -e\nnosuch", ()),
        ("ash", "trap 'exit 0' 0\nset -e\nnosuch", ()),
        ("bash", "trap 'exec true' ERR\nexec true", ()),
        ("bash", "f() {\ndeclare -g A\nA=$HOSTNAME\n}\nset -e\nf\nmkdir -p \"$A\"\nexec true", ()),
        ("bash", "i=0\n: $((i++))\n[ $i = 1 ] && exec true\nexec nosuch", ()),
        ("dash", "x=$(( 3 > 2 ? 1 << 3 : 8 / 0 ))\n[ $x -eq 8 ] && exec true\nexec nosuch", ()),
        ("dash", "x=$(( ${N:-4} * $# ))\n[ $x -eq 8 ] && exec true\nexec nosuch", ("a", "b")),
        ("ash", "x=$((1,2))\n[ $((0x10 - 010)) -eq 8 ] && exec true\nexec nosuch", ()),
        ("dash", "set -u\nx=$((PORT+1))\nexec true", ()),
        ("bash", "((1+)) || exec true", ()),
        ("dash", "set -u\ncat <<'EOF'\n$UNSET\nEOF\nexec true", ()),
        ("dash", "set -u\ncat <<EOF\n$UNSET\nEOF\nexec true", ()),
        ("dash", 'export $(cat .env)\nexec "$@"', ("true",)),
        ("bash", "set -e\nmkdir -p /tmp/{a,b}\n[ -d /tmp/a ] || exec nosuch\nexec true", ()),
        ("bash", "my-run() { exec true; }\nmy-run", ()),
        ("bash", 'true | false\n[ "${PIPESTATUS[1]}" = 1 ] && exec true\nexec nosuch', ()),
        ("ash", "nosuch &\nwait -n\nexec true", ()),
        ("bash", "shopt -s nullglob\nfor f in /nosuch/*; do exec nosuch; done\nexec true", ()),
        ("dash", 'while getopts "ab:" o; do case $o in a|b) ;; *) exit 2;; esac; done\nshift $((OPTIND-1))\nexec "$@"',
         ("-a", "-b", "x", "true")),
        ("bash", 'name=X\nexport "$name"="y"\n[ "$X" = y ] || exec nosuch\nexec true', ()),
        ("bash", 'name=X\nexport "$name"="$(date)"\nexec true', ()),
        ("bash", "while read -r l; do :; done < <(true)\nexec true", ()),
        ("ash", "while read -r l; do :; done < <(true)\nexec true", ()),
        ("bash", "set -u\n: $RANDOM\nexec true", ()),
        ("dash", "set -e\ngrep -q ^root: /etc/passwd\nexec true", ()),
        ("dash", "cat /nosuch/file\nexec true", ()),
        ("dash", "set -e\ncat /nosuch/file || true\nexec true", ()),
        ("dash", "set -e\ncp -r /etc/passwd /data\nexec true", ()),
        ("dash", "set -e\nmkdir -p /data/a/b\nexec true", ()),
        ("dash", "nosuch &\nexec true", ()),
        ("dash", "set -e\nrm -f /nosuch\nexec true", ()),
        ("dash", "if ! grep -q ^ghost: /etc/passwd; then exec true; fi\nexec nosuch", ()),
        ("bash", 'set -e\nshopt -s extglob\nrm -f /x/!(y)\ncase $1 in @(a|b)) ;; *) exit 2;; esac\nexec true', ("a",)),
        ("bash", 'set -e\n[[ $1 == @(a|b) || $1 =~ "x y" ]] || true\nexec true', ()),
        ("bash", "for ((i = 0; i < 3; i++)) { :; }\nexec true", ()),
        ("bash", "coproc READER { cat; }\nexec true", ()),
        ("ash", "set -e\n[[ -n x && -d /etc ]]\nexec true", ()),
        ("ash", "[[ -d /nosuch || -d /etc ]] || exec nosuch\nexec true", ()),
        ("ash", "set -e\n[[ -n $NOSUCH && -d /etc ]]\nexec true", ()),
    ],
)  # fmt: skip
def test_working_idiom_starts(run, shell, text, arguments):
    assert run(text, *arguments, shell=shell).starts is Starts.YES


@pytest.mark.parametrize(
    ("shell", "text", "predicts"),
    [
        ("dash", "exec dash -c", "dash: 0: -c requires an argument"),
        ("dash", "for a.b in 1; do :; done", "/s: 2: Syntax error: Bad for loop variable"),
        ("ash", "for 1 in 1; do :; done", "/s: line 2: syntax error: bad for loop variable"),
        ("dash", "true > > /x", "/s: 2: Syntax error: redirection unexpected"),
        ("ash", "true &>> /x", "/s: line 2: syntax error: unexpected redirection"),
        ("bash", "true > > /x", "/s: line 2: syntax error near unexpected token `>'"),
        ("dash", "true | ! true", '/s: 2: Syntax error: "!" unexpected'),
        ("bash", "f() true", "/s: line 2: syntax error near unexpected token `true'"),
        ("bash", "set -e\n!\nexec nosuch", "/s: line 4: exec: nosuch: not found"),
        ("ash", "[[ -n x && -d /nosuch ]] || exec nosuch\nexec true", "/s: exec: line 2: nosuch: not found"),
        ("dash", "exec bash -c", "bash: -c: option requires an argument"),
        ("dash", "alias run=/nosuch\nset -e\nrun", "/s: 4: /nosuch: not found"),
        ("dash", "trap 'exit 3' EXIT\ntrap - EXIT\nset -e\nnosuch", "/s: 5: nosuch: not found"),
        ("ash", "trap 'echo gave up; exit 4' ERR\nnosuch\nexec true", "gave up"),
        ("dash", "x=$((1+))\nexec true", '/s: 2: arithmetic expression: expecting primary: "1+"'),
        ("dash", "x=$((1 2))\nexec true", '/s: 2: arithmetic expression: expecting EOF: "1 2"'),
        ("dash", "i=1\nx=$((i++))\nexec true", '/s: 3: arithmetic expression: expecting primary: "i++"'),
        ("dash", "x=$((1/0))\nexec true", '/s: 2: arithmetic expression: division by zero: "1/0"'),
        ("dash", "m=08\nx=$((m+1))\nexec true", "/s: 3: Illegal number: 08"),
        ("ash", "x=$((1+))\nexec true", "/s: line 2: arithmetic syntax error"),
        ("bash", "set -u\nx=$((PORT+1))\nexec true", "/s: line 3: PORT: unbound variable"),
        ("dash", "set -eu\ncat <<EOF\n$UNSET\nEOF\nexec true", "/s: 3: UNSET: parameter not set"),
        ("bash", "set -e\ncat <<EOF\n${UNSET:?is needed}\nEOF\nexec true", "/s: line 3: UNSET: is needed"),
        ("dash", "my-run() { exec true; }\nmy-run", "/s: 2: Syntax error: Bad function name"),
        ("ash", "function a-b { exec true; }\na-b", "/s: line 2: syntax error: bad function name"),
        ("dash", "case a in a) ;& b) ;; esac\nexec true", '/s: 2: Syntax error: ";" unexpected'),
        ("ash", "a.b() { exec true; }\na.b", "/s: line 2: syntax error: bad function name"),
        ("dash", "A=x\nset -e\nA+=y\nexec true", "/s: 4: A+=y: not found"),
        ("dash", "case a in a) true ;& b) ;; esac\nexec true", '/s: 2: Syntax error: "&" unexpected'),
        ("ash", "exec $OPTIONS --port 80", "/s: exec: line 2: illegal option --"),
        ("dash", "export -n A\nexec true", "/s: 2: export: Illegal option -n"),
        ("dash", "set -e\nnosuch &\nwait -n\nexec true", "/s: 4: wait: Illegal option -n"),
        ("dash", "set -e\nln -s /x /etc/passwd\nexec true", "ln: failed to create symbolic link '/etc/passwd'"),
        ("dash", "set -e\nfind /nosuch \\! -user root\nexec true", "find: '/nosuch': No such file or directory"),
        ("ash", "set -e\nfind / -user ghost\nexec true", "find: unknown user ghost"),
        ("ash", 'echo "${#NAMES[@]}"\nexec true', "syntax error: bad substitution"),
        ("dash", "while read -r l; do :; done < <(true)", "/s: 2: Syntax error: redirection unexpected"),
        ("dash", "set -u\n: $RANDOM", "/s: 3: RANDOM: parameter not set"),
        ("bash", "set -u\ncase $o in a) ;; esac", "/s: line 3: o: unbound variable"),
        ("bash", "set -u\n[[ $o == a ]]", "/s: line 3: o: unbound variable"),
        ("dash", "set -u\nfor i in $o; do :; done", "/s: 3: o: parameter not set"),
        ("dash", "set -e\ncat /nosuch/file", "cat: /nosuch/file: No such file or directory"),
        ("ash", "set -e\ncat /nosuch/file", "cat: can't open '/nosuch/file': No such file or directory"),
        ("dash", "set -e\ncp /nosuch/file /x", "cp: cannot stat '/nosuch/file': No such file or directory"),
        ("ash", "set -e\ncp /nosuch/file /x", "cp: can't stat '/nosuch/file': No such file or directory"),
        ("dash", "set -e\nls /nosuch", "ls: cannot access '/nosuch': No such file or directory"),
        ("dash", "set -e\nchown app /etc/passwd", "chown: invalid user: 'app'"),
        ("ash", "set -e\nchown app:app /etc/passwd", "chown: unknown user/group app:app"),
        ("dash", "set -e\nmkdir /nosuch/x", "mkdir: cannot create directory '/nosuch/x': No such file or directory"),
        ("dash", "set -e\nrm /nosuch", "rm: cannot remove '/nosuch': No such file or directory"),
        ("dash", "set -e\ngrep -q x /nosuch", "grep: /nosuch: No such file or directory"),
        ("dash", "nosuch &\nwait $!", "/s: 2: nosuch: not found"),
        ("dash", "kill -0 99999", "/s: 2: kill: No such process"),
        ("ash", "kill -0 99999", "can't kill pid 99999: No such process"),
        ("bash", "kill -0 99999", "/s: line 2: kill: (99999) - No such process"),
        ("dash", "ulimit -z", "/s: 2: ulimit: Illegal option -z"),
        ("ash", "umask 999", "/s: umask: line 2: illegal mode: 999"),
        ("bash", "set -e\nshopt -s nosuch\nexec true", "/s: line 3: shopt: nosuch: invalid shell option name"),
        ("dash", "set -e\ntrap 'exit 0' SIGTERM\nexec true", "trap: SIGTERM: bad trap"),
        ("dash", "export a-b=1\nexec true", "/s: 2: export: a-b: bad variable name"),
        ("dash", "readonly A=1\nunset A\nexec true", "/s: 3: unset: A: is read only"),
        ("bash", "exit abc", "/s: line 2: exit: abc: numeric argument required"),
        ("dash", "[ $MODE = prod ]", "/s: 2: [: =: unexpected operator"),
        ("bash", "[ $MODE = prod ]", "/s: line 2: [: =: unary operator expected"),
        ("ash", "[ $MODE = prod ]", "prod: unknown operand"),
        ("dash", 'set -e\n[ "$PORT" -gt 0 ]\nexec true', "/s: 3: [: Illegal number: "),
        ("dash", ": > /nosuch/x\nexec true", "/s: 2: cannot create /nosuch/x: Directory nonexistent"),
        (
            "bash",
            "set -e\nwhile read l; do :; done < /nosuch\nexec true",
            "/s: line 3: /nosuch: No such file or directory",
        ),
        ("dash", "exec cat /nosuch/file", "cat: /nosuch/file: No such file or directory"),
        ("ash", "exec setpriv --reuid=1000 true", "Usage: setpriv "),
    ],
)
def test_failing_idiom_prints_exact_text(run, shell, text, predicts):
    prediction = run(text, shell=shell)
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, predicts)


@pytest.mark.parametrize(
    ("shell", "text", "predicts"),
    [
        ("dash", "set -e\necho x > /etc/conf", "/s: 3: cannot create /etc/conf: Permission denied"),
        ("ash", "set -e\necho x > /etc/conf", "/s: line 3: can't create /etc/conf: Permission denied"),
        ("bash", "set -e\necho x > /etc/conf", "/s: line 3: /etc/conf: Permission denied"),
        (
            "dash",
            "exec >> /var/log/app.log 2>&1\nexec true",
            "/s: 2: cannot create /var/log/app.log: Permission denied",
        ),
        ("dash", "set -e\nmkdir -p /data/x", "mkdir: cannot create directory '/data"),
        ("ash", "set -e\nmkdir -p /data/x", "mkdir: can't create directory '/data"),
        ("dash", "set -e\ntouch /etc/x", "touch: cannot touch '/etc/x': Permission denied"),
        ("dash", "set -e\nsed -i s/a/b/ /etc/passwd", "sed: couldn't open temporary file"),
        ("dash", "set -e\nchown 1 /etc/passwd", "chown: changing ownership of '/etc/passwd': Operation not permitted"),
    ],
)
def test_user_without_write_permission_fails_and_root_starts(run, shell, text, predicts):
    files = {"/var/log/": b""}
    prediction = run(text, shell=shell, files=files, user="1000")
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, predicts)
    assert run(text, shell=shell, files=files).starts is Starts.YES


@pytest.mark.parametrize("place", ["/data", "/tmp/x", "/run/x", "/own/x"])
def test_user_may_write_into_volume_temporary_and_own_folders(run, images, place):
    files = {"/own/": images.File(mode=0o755, uid=1000)}
    script = f"set -e\nmkdir -p {place}\necho x > {place}/file"
    assert run(script, files=files, user="1000", volumes=("/data",)).starts is Starts.YES


@pytest.mark.parametrize(
    ("options", "arguments", "expected"),
    [
        ("ab:", ("-a", "-b", "x", "rest"), ["a:None", "b:x"]),
        ("ab:", ("-abx",), ["a:None", "b:x"]),
        ("ab:", ("--", "-a"), []),
        (":ab:", ("-z",), ["?:z"]),
        ("ab:", ("-b",), ["?:None"]),
        (":ab:", ("-b",), ["::b"]),
        ("a", ("rest", "-a"), []),
    ],
)
def test_options_are_read_one_after_another(options, arguments, expected):
    index, place, found = 1, 0, []
    while (read := read_option(options, arguments, index, place)) is not None and not read.is_end:
        found.append(f"{read.name}:{read.argument}")
        index, place = read.index, read.place
    assert found == expected


def test_script_executing_its_arguments_lacks_command_without_any(run):
    text = 'set -e\nexec "$@"'
    assert run(text).lacks_command == '/s: line 3: exec "$@"'
    assert run(text, "true").lacks_command is None
    assert run("exec true").lacks_command is None


@pytest.mark.parametrize(
    "before",
    ["adduser -D app", "/usr/bin/setup", "echo app:x:1:1::/:/bin/sh >> /etc/passwd", "useradd app || adduser app"],
)
def test_account_possibly_created_by_script_is_not_checked(run, before):
    prediction = run(f"{before}\nexec gosu app true")
    assert prediction.starts is Starts.NOT_CHECKED
    assert run("exec gosu app true").starts is Starts.NO


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("set -e\nread -r answer\nexec true", "reads the container's input, and ends if there is none"),
        (
            "set -e\ncat /run/secrets/key\nexec true",
            "needs /run/secrets/key, which only the running container can have",
        ),
        ('trap "$(date)" EXIT\nset -e\nnosuch', "/s: the trap for EXIT decides its exit status"),
    ],
)
def test_command_that_needs_running_container_is_not_checked(run, text, reason):
    prediction = run(text)
    assert prediction.starts is Starts.NOT_CHECKED
    assert reason in prediction.not_checked[0]


def test_invalid_arithmetic_in_bash_is_not_checked(run):
    prediction = run("x=$((1+))\nexec true", shell="bash")
    assert (prediction.starts, len(prediction.not_checked)) == (Starts.NOT_CHECKED, 1)


@pytest.mark.parametrize(
    ("line", "predicts"),
    [
        ("cp", "cp: missing file operand"),
        ("cp a", "cp: missing destination file operand after 'a'"),
        ("mv a", "mv: missing destination file operand after 'a'"),
        ("cp /etc/passwd /nosuch/x", "cp: cannot create regular file '/nosuch/x': "),
        ("cp /etc /x", "cp: -r not specified; omitting directory '/etc'"),
        ("ln -s /a /nosuch/b", "ln: failed to create symbolic link '/nosuch/b'"),
        ("tar -xf /nosuch.tar", "tar: /nosuch.tar: Cannot open: No such file or directory"),
        ("tar -C /nosuch -cf - .", "tar: /nosuch: Cannot open: No such file or directory"),
        ("sed 's/x//data/' /etc/passwd", "sed: -e expression #1, char "),
        ("sed -n p /nosuch", "sed: can't read /nosuch: No such file or directory"),
        ("chown root:nosuch /etc", "chown: invalid group: 'root:nosuch'"),
        ("chmod 999 /etc", "chmod: invalid mode: '999'"),
        ("chmod 600 $NOFILE", "chmod: missing operand"),
        ("mkdir /etc", "mkdir: cannot create directory '/etc': File exists"),
        ("mkdir -p $NOWHERE", "mkdir: missing operand"),
        ("rm -z /x", "rm: invalid option -- 'z'"),
        ("rm /etc", "rm: cannot remove '/etc': Is a directory"),
        ("cut /etc/passwd", "cut: you must specify a list of bytes, characters, or fields"),
        ("sleep abc", "sleep: invalid time interval 'abc'"),
        ("id nosuch", "id: 'nosuch': no such user"),
        ("awk 1 /nosuch", "awk: "),
        ("sed -f /nosuch", "sed: couldn't open file /nosuch: No such file or directory"),
        ("sed", "Usage: sed ["),
        ("tar", "tar: You must specify one of the "),
        ("tar -v", "tar: You must specify one of the "),
        ("expr", "expr: missing operand"),
        ("expr a + 1", "expr: non-integer argument"),
        ("expr 1 / 0", "expr: division by zero"),
        ("date -z", "date: invalid option -- 'z'"),
        ("realpath /nosuch/x/y", "realpath: /nosuch/x/y: No such file or directory"),
        ("tar xf /nosuch.tar", "tar: /nosuch.tar: Cannot open: No such file or directory"),
        ("tar --strip-components=1 -xf /nosuch.tar", "tar: /nosuch.tar: Cannot open: No such file or directory"),
        ("tar -cf /dev/null /nosuch", "tar: /nosuch: Cannot stat: No such file or directory"),
        ("rmdir /nosuch", "rmdir: failed to remove '/nosuch': No such file or directory"),
        ("dd of=/x if=/nosuch", "dd: failed to open '/nosuch': No such file or directory"),
        ("gunzip /nosuch.gz", "gzip: /nosuch.gz: No such file or directory"),
        ("gzip /nosuch", "gzip: /nosuch: No such file or directory"),
        ("head /nosuch", "head: cannot open '/nosuch' for reading: No such file or directory"),
        ("cp -r /etc /nosuch/x", "cp: cannot create directory '/nosuch/x': "),
    ],
)
@pytest.mark.parametrize("form", ["{0}", "set -e\n{0}\nexec true", "exec {0}"])
def test_call_of_small_program_that_must_fail_is_predicted(run, form, line, predicts):
    prediction = run(form.format(line), shell="dash")
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, predicts)


@pytest.mark.parametrize(
    "line",
    [
        *('[ -n "$HOSTNAME" ]', "kill -0 7", "grep x /run/y", "expr $HOSTNAME : x", "exit 3", "printenv NOSUCH"),
        *("expr 0", "expr ''", "expr 1 - 1", "expr 7 % 7", "expr a = b", "awk 'BEGIN{exit 1}'", "awk 'BEGIN{'"),
        *("echo x >&9", "cat <&8", "exec >&9", "{ true; } >&9", "false & wait $!", "set -e\nfalse & wait $!\ntrue"),
        "set -e\nexpr 0\ntrue",
    ],
)
def test_script_whose_last_status_is_unknown_is_not_checked(run, line):
    prediction = run(line, shell="dash")
    assert prediction.starts is Starts.NOT_CHECKED
    assert prediction.not_checked


@pytest.mark.parametrize(
    "line",
    [
        *("cp /etc/passwd /x", "mkdir -p /x", "tar -xf /etc/passwd", "sed s,a,/b, /etc/passwd"),
        *("awk '{print $1}' /etc/passwd", "awk -F: '/root/ {print $1, $3}' /etc/passwd", "set -e\nexpr 1 + 1\ntrue"),
        *("exec 9>&1\necho x >&9", "(true >&9) 9>/x", "true & wait $!", "false & wait", "echo x 3>&1 >&2 2>&3"),
    ],
)
def test_call_of_small_program_without_fault_starts(run, line):
    assert run(line, shell="dash").starts is Starts.YES


@pytest.mark.parametrize(
    "line",
    [
        *("realpath -m /nosuch/x/y", "readlink /nosuch", "readlink -e /nosuch", "stat -f /nosuch", "gzip -d /nosuch"),
        *("install -D /etc/passwd /nosuch/x", "touch -c /nosuch/x", "truncate -c -s 0 /nosuch/x", "rm -i /nosuch"),
        *(
            "awk -W version",
            "awk -- 1 /etc/passwd",
            "chmod --reference=/etc /etc/passwd",
            "ln -t /etc /y",
            "tar -yf /x",
        ),
        *("grep -q x /nosuch /etc/passwd", "grep -s x /nosuch", "sed p - /nosuch", "sed 's/[/]/x/' /etc/passwd"),
        *("tar --foo -xf /nosuch", "dd of=/x if=/etc/passwd", "cp --parents /etc/passwd /etc", "gunzip /nosuch"),
    ],
)
def test_call_whose_options_change_its_needs_is_no_certain_failure(run, line):
    assert run(line, shell="dash").starts is not Starts.NO
    assert run(f"{line}\nexec true", shell="dash").starts is Starts.YES


def test_locale_with_typographic_quotes_shortens_predicted_message(run):
    text = "export LANG=C.UTF-8\nset -e\nchown nosuch /etc"
    assert run(text, shell="dash").findings[-1].predicts == "chown: invalid user:"


@pytest.mark.parametrize("option", ["", "set -e; "])
@pytest.mark.parametrize("call", ["exit 0 2", "f() { return 0 2; }; f", "shift 0 2", "for i in 1; do break 1 2; done"])
def test_too_many_arguments_in_bash_end_text_and_leave_file_unknown(run, option, call):
    text = f"{option}{call}; true"
    as_text = run(f"exec bash -c '{text}'")
    assert as_text.starts is Starts.NO
    assert as_text.findings[-1].predicts.endswith(": too many arguments")
    assert run(text, shell="bash").starts is Starts.NOT_CHECKED


@pytest.mark.parametrize("shell", ["dash", "ash"])
def test_too_many_arguments_in_other_shells_are_ignored(run, shell):
    assert run("exit 0 2", shell=shell).starts is Starts.YES
    assert run("f() { return 0 2; }\nset -e\nf", shell=shell).starts is Starts.YES


def test_long_option_of_applet_as_last_command_is_not_checked(run):
    assert run("ls --full-time /etc", shell="ash").starts is Starts.NOT_CHECKED
    assert run("ls -l /etc", shell="ash").starts is Starts.YES
