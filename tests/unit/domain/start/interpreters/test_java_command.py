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
        ({"/app/a.jar": jar(None, MAIN)}, ("-jar", "a.jar"), MODULE, "Invalid or corrupt jarfile a.jar"),
        ({"/app/a.jar": jar()}, ("-jar", "a.jar"), MODULE, NOT_FOUND),
        ({}, ("com.example.Main",), MODULE, NOT_FOUND),
        ({"/app/lib/a.jar": jar()}, ("-cp", "lib/*:.", "com.example.Main"), MODULE, NOT_FOUND),
        (
            {"/app/a.jar": jar("Main-Class: com.example.Main\nClass-Path: b.jar\n")},
            ("-jar", "a.jar"),
            MODULE,
            NOT_FOUND,
        ),
        ({}, ("${OPTS}", "-jar", "a.jar"), MODULE, "Could not find or load main class ${OPTS}"),
        ({}, ("/app/a.jar",), MODULE, "Could not find or load main class .app.a.jar"),
        ({}, ("@options", "Main"), FILE, "Error: could not open `options'"),
        ({}, ("-cp",), "program-option-refused", "Error: -cp requires"),
        ({}, (), "program-option-refused", "Usage: java ["),
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
        ({"/app/lib/a.jar": jar(None, MAIN)}, ("-cp", "lib/*", "com.example.Main")),
        ({f"/app/{MAIN}": b"x"}, ("com.example.Main",)),
        ({f"/app/out/{MAIN}": b"x"}, ("--class-path", "none:out", "com.example.Main")),
        ({}, ("-version",)),
        ({"/app/a.jar": jar("Main-Class: com.example.Main\n", MAIN)}, ("-jar", "-Dx=y", "a.jar")),
        ({"/app/options": b"# all\n-cp 'out'\n", f"/app/out/{MAIN}": b"x"}, ("@options", "com.example.Main")),
        (
            {
                "/app/a.jar": jar("Main-Class: com.example.Main\nClass-Path: lib/b.jar\n"),
                "/app/lib/b.jar": jar(None, MAIN),
            },
            ("-jar", "a.jar"),
        ),
    ],
)
def test_java_existing_jar_or_class_starts(run, files, command):
    assert run(files, "java", *command).starts is Starts.YES


def test_class_path_variable_is_read(run):
    env = {"CLASSPATH": "/srv"}
    assert run({f"/srv/{MAIN}": b"x"}, "java", "com.example.Main", env=env).starts is Starts.YES


@pytest.mark.parametrize("command", [("-m", "a/b"), ("-cp", "b.jar", "com.example.Main")])
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
def test_java_runtime_with_missing_file_fails(dies, removed, text):
    dies(LIBRARY, text, {f"/opt/java/{removed}": None}, "java", "-version")


def test_java_without_jvm_cfg_uses_debian_default(run):
    files = {"/opt/java/lib/jvm.cfg": None, "/opt/java/lib/jvm.cfg-default": b"x"}
    assert run(files, "java", "-version").starts is Starts.YES


HOTSPOT = b"\0UseCompressedOops\0UseG1GC\0UseZGC\0MaxRAMPercentage\0-Xnew\0Multiple garbage collectors selected\0"
LIBRARY_PATH = "/opt/java/lib/server/libjvm.so"
GOOD = jar("Main-Class: com.example.Main\n", MAIN)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("-XX:+UseConcMarkSweepGC", "Unrecognized VM option 'UseConcMarkSweepGC'"),
        ("-XX:MaxPermSize=64m", "Unrecognized VM option 'MaxPermSize=64m'"),
        ("-XX:MaxRAMPercentage=${PERCENT}", "Improperly specified VM option 'MaxRAMPercentage=${PERCENT}'"),
        ("-XX:UseG1GC", "VM option 'UseG1GC'"),
        ("-Xmx${HEAP}", "Invalid maximum heap size: -Xmx${HEAP}"),
        ("-Xms64mb", "Invalid initial heap size: -Xms64mb"),
        ("-Xmx512", "Too small maximum heap"),
        ("--nosuch=1", "Unrecognized option: --nosuch=1"),
        ("-Xgcpolicy:gencon", "Unrecognized option: -Xgcpolicy:gencon"),
        ("-XX:Flags=/none", "Could not open settings file /none"),
    ],
)
def test_java_option_refused_by_hotspot_dies(dies, option, text):
    dies("program-option-refused", text, {LIBRARY_PATH: HOTSPOT, "/app/a.jar": GOOD}, "java", option, "-jar", "a.jar")


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ({"JAVA_TOOL_OPTIONS": "-Xmx1g -Xms2g"}, "Initial heap size set to a larger value than the maximum heap size"),
        ({"JAVA_TOOL_OPTIONS": "--add-opens java.base/java.lang=ALL-UNNAMED"}, "Unrecognized option: --add-opens"),
        ({"_JAVA_OPTIONS": "-XX:+UseZGC"}, "Multiple garbage collectors selected"),
        ({"JDK_JAVA_OPTIONS": "--nosuch"}, "Unrecognized option: --nosuch"),
        ({"JDK_JAVA_OPTIONS": "-jar x"}, "Option -jar is not allowed in environment variable JDK_JAVA_OPTIONS"),
    ],
)
def test_java_option_of_variable_refused_dies(dies, env, text):
    files = {LIBRARY_PATH: HOTSPOT, "/app/a.jar": GOOD}
    dies("program-option-refused", text, files, "java", "-XX:+UseG1GC", "-jar", "a.jar", env=env)


@pytest.mark.parametrize(
    "options",
    [
        ("-XX:+UseG1GC", "-XX:MaxRAMPercentage=75.0", "-Xmx1g", "-Xms64m", "-Xnew:yes", "-Dx=${y}", "-ea:com.x..."),
        ("-XX:+IgnoreUnrecognizedVMOptions", "-XX:+UseConcMarkSweepGC", "--nosuch"),
        ("-XX:+UseG1GC", "-XX:+UseZGC", "-XX:-UseZGC", "--add-opens", "java.base/java.lang=ALL-UNNAMED"),
    ],
)
def test_java_option_of_hotspot_starts(run, options):
    files = {LIBRARY_PATH: HOTSPOT, "/app/a.jar": GOOD}
    assert run(files, "java", *options, "-jar", "a.jar").starts is Starts.YES


def test_java_option_of_other_virtual_machine_is_accepted(run):
    assert run({"/app/a.jar": GOOD}, "java", "-Xgcpolicy:gencon", "-jar", "a.jar").starts is Starts.YES


@pytest.mark.parametrize("variable", ["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"])
def test_java_agent_of_variable_missing_dies(dies, variable):
    text = "Error opening zip file or JAR manifest missing : /agent.jar"
    dies(FILE, text, {"/app/a.jar": GOOD}, "java", "-jar", "a.jar", env={variable: "-javaagent:/agent.jar=x"})


@pytest.mark.parametrize(
    ("option", "code", "text"),
    [
        ("-javaagent:a.jar", MODULE, "Failed to find Premain-Class manifest attribute in a.jar"),
        ("-agentlib:nosuch", FILE, "Could not find agent library nosuch on the library path"),
        ("-agentpath:/none.so", FILE, "Could not find agent library /none.so in absolute path"),
    ],
)
def test_java_agent_unusable_dies(dies, option, code, text):
    dies(code, text, {"/app/a.jar": GOOD}, "java", option, "-jar", "a.jar")


def test_class_path_of_a_jar_has_a_limit(run):
    names = " ".join(f"l{number}.jar" for number in range(20_000))
    manifest = f"Main-Class: com.example.Main\nClass-Path: {names}\n"
    assert run({"/app/a.jar": jar(manifest)}, "java", "-jar", "a.jar").starts is Starts.NOT_CHECKED
