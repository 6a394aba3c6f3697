"""``java``: jars, class paths, agents, and the runtime's own files."""

from __future__ import annotations

import io
import zipfile

import pytest

from weighbridge.domain.start.predict import Starts

FILE, MODULE, LIBRARY = "interpreter-file-missing", "interpreter-module-missing", "interpreter-library-missing"


def jar(manifest: str | None = "Main-Class: com.example.Main\n", *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        if manifest is not None:
            archive.writestr("META-INF/MANIFEST.MF", manifest)
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


MAIN = "com/example/Main.class"
NOT_FOUND = "Could not find or load main class com.example.Main"


@pytest.mark.parametrize(
    ("files", "command", "code", "text"),
    [
        ({}, ("-jar", "app.jar"), FILE, "Unable to access jarfile app.jar"),
        ({}, ("-Xmx1g", "-javaagent:/a.jar", "-jar", "*.jar"), FILE, "Unable to access jarfile *.jar"),
        ({"/app/a.jar": b"nonsense"}, ("-jar", "a.jar"), FILE, "Invalid or corrupt jarfile a.jar"),
        ({"/app/a.jar": b""}, ("-jar", "a.jar"), FILE, "Invalid or corrupt jarfile a.jar"),
        ({"/app/a.jar": jar("X: y\n")}, ("-jar", "a.jar"), MODULE, "no main manifest attribute, in a.jar"),
        ({"/app/a.jar": jar(None, MAIN)}, ("-jar", "a.jar"), MODULE, "no main manifest attribute, in a.jar"),
        ({"/app/a.jar": jar()}, ("-jar", "a.jar"), MODULE, NOT_FOUND),
        ({}, ("com.example.Main",), MODULE, NOT_FOUND),
        ({"/app/lib/a.jar": jar()}, ("-cp", "lib/*:.", "com.example.Main"), MODULE, NOT_FOUND),
        ({}, ("Main.java",), MODULE, "Could not find or load main class Main.java"),
        (
            {"/app/a.jar": jar("Main-Class: com.example.Main\n", MAIN)},
            ("-javaagent:/agent.jar=x=y", "-jar", "a.jar"),
            FILE,
            "Error opening zip file or JAR manifest missing : /agent.jar",
        ),
    ],
)
def test_java_jar_or_class_missing_dies_with_its_text(dies, files, command, code, text):
    dies(code, text, files, "java", *command)


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"/app/a.jar": jar("Main-Class: com.example.Main\n", MAIN)}, ("-jar", "a.jar", "x")),
        ({"/app/a.jar": jar("Main-Class: com.exam\r\n ple.Main\r\n", MAIN)}, ("-jar", "a.jar")),
        ({"/app/a.jar": jar("Main-Class: com.example.Main\nClass-Path: lib/b.jar\n")}, ("-jar", "a.jar")),
        ({"/app/lib/a.jar": jar(None, MAIN)}, ("-cp", "lib/*", "com.example.Main")),
        ({f"/app/{MAIN}": b"x"}, ("com.example.Main",)),
        ({f"/app/out/{MAIN}": b"x"}, ("--class-path", "none:out", "com.example.Main")),
        ({}, ("-version",)),
        ({}, ()),
    ],
)
def test_java_existing_jar_or_class_starts(run, files, command):
    assert run(files, "java", *command).starts is Starts.YES


def test_class_path_variable_is_read(run):
    env = {"CLASSPATH": "/srv"}
    assert run({f"/srv/{MAIN}": b"x"}, "java", "com.example.Main", env=env).starts is Starts.YES


@pytest.mark.parametrize("command", [("@args", "-jar", "a.jar"), ("-m", "a/b"), ("-cp", "b.jar", "com.example.Main")])
def test_java_command_unreadable_is_not_checked(run, command):
    assert run({"/app/b.jar": b"PK\x05\x06 damaged"}, "java", *command).starts is Starts.NOT_CHECKED


@pytest.mark.parametrize(
    ("removed", "text"),
    [
        ("lib/libjava.so", "Error: could not find libjava.so"),
        ("lib/modules", "Failed setting boot class path."),
        ("lib/server/libjvm.so", "Error: missing `server' JVM at `/opt/java/lib/server/libjvm.so'"),
        ("lib/jvm.cfg", "Error: could not open `/opt/java/lib/jvm.cfg'"),
    ],
)
def test_java_runtime_without_one_of_its_files_dies(dies, removed, text):
    dies(LIBRARY, text, {f"/opt/java/{removed}": None}, "java", "-version")


def test_java_without_jvm_cfg_uses_debian_default(run):
    files = {"/opt/java/lib/jvm.cfg": None, "/opt/java/lib/jvm.cfg-default": b"x"}
    assert run(files, "java", "-version").starts is Starts.YES
