"""The loader of musl: it is libc itself, never checks versions, and binds everything at once."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.elf import read_elf
from weighbridge.domain.start.loader.musl import musl_architecture
from weighbridge.domain.start.predict import Starts, predict_start

LOADER = "/lib/ld-musl-x86_64.so.1"


@pytest.fixture
def run(images, musl, make_elf):
    """Predicts the start of ``/app/prog``, with more files in the image."""

    def run(files, needed=("liba.so",), env=None, user="", mode=0o755, **program):
        program.setdefault("interpreter", LOADER)
        prog = images.File(content=make_elf(needed=needed, **program), mode=mode)
        rootfs = images.rootfs({**musl, "/app/prog": prog, **files})
        return predict_start(images.config("/app/prog", env=env or {}, user=user), rootfs)

    return run


def _dies(prediction, code, predicts):
    assert prediction.starts is Starts.NO, prediction
    assert (prediction.findings[-1].code, prediction.findings[-1].predicts) == (code, predicts)


def _lacks(prediction, name, by="/app/prog", why="No such file or directory"):
    _dies(prediction, "libc-needed-missing", f"Error loading shared library {name}: {why} (needed by {by})")


def test_every_name_of_libc_is_loader(run):
    names = (
        "libc.so",
        "libc.musl-x86_64.so.1",
        "libc.so.6",
        "libm.so.6",
        "libpthread.so.0",
        "librt.so.1",
        "libdl.so.2",
    )
    prediction = run({}, needed=names, undefined=("puts",))
    assert (prediction.starts, prediction.findings) == (Starts.YES, ())


@pytest.mark.parametrize("name", ["libgcc_s.so.1", "libstdc++.so.6", "libresolv.so.2", "ld-linux-x86-64.so.2"])
def test_other_libraries_of_glibc_are_missing(run, name):
    _lacks(run({}, needed=("libc.so.6", name)), name)


def test_default_directories(run, make_elf):
    for directory in ("/lib", "/usr/local/lib", "/usr/lib"):
        assert run({f"{directory}/liba.so": make_elf()}).starts is Starts.YES
    _lacks(run({"/usr/lib/x86_64-linux-gnu/liba.so": make_elf()}), "liba.so")


def test_path_file_replaces_defaults(run, make_elf):
    files = {"/etc/ld-musl-x86_64.path": b"/opt\n/opt2:/opt3\n"}
    for directory in ("/opt", "/opt2", "/opt3"):
        assert run({**files, f"{directory}/liba.so": make_elf()}).starts is Starts.YES
    _lacks(run({**files, "/lib/liba.so": make_elf()}), "liba.so")


def test_runpath_and_rpath_are_inherited_equally(run, make_elf):
    files = {"/opt/liba.so": make_elf(needed=("libb.so",)), "/opt/libb.so": make_elf()}
    assert run(files, rpath="/opt").starts is Starts.YES
    assert run(files, runpath="/opt").starts is Starts.YES


def test_origin_expands_and_any_other_token_voids_list(run, make_elf):
    assert run({"/app/lib/liba.so": make_elf()}, runpath="$ORIGIN/lib").starts is Starts.YES
    _lacks(run({"/app/lib/liba.so": make_elf()}, runpath="$ORIGIN/lib:$LIB"), "liba.so")


def test_ld_library_path_comes_first_except_for_setuid_program(run, make_elf):
    files, env = {"/opt/liba.so": make_elf()}, {"LD_LIBRARY_PATH": "/opt"}
    assert run(files, env=env).starts is Starts.YES
    _lacks(run(files, env=env, user="1000", mode=0o4755), "liba.so")


def test_file_not_library_ends_search(run, make_elf):
    files = {"/lib/liba.so": b"text", "/usr/lib/liba.so": make_elf()}
    _lacks(run(files), "liba.so", why="Exec format error")


def test_library_with_missing_dependency_is_named(run, make_elf):
    _lacks(run({"/lib/liba.so": make_elf(needed=("libz.so.1",))}), "libz.so.1", by="/lib/liba.so")


def test_versions_are_never_checked(run):
    prediction = run({}, needed=("libc.so.6",), needed_versions=(("libc.so.6", "GLIBC_2.38", False),))
    assert (prediction.starts, prediction.findings) == (Starts.YES, ())


def test_symbol_undefined_is_fatal_even_if_bound_lazily(run):
    _dies(
        run({}, needed=("libc.so.6",), lazy=("__memcpy_chk",)),
        "libc-symbol-missing",
        "Error relocating /app/prog: __memcpy_chk: symbol not found",
    )
    assert run({}, needed=("libc.so.6",), weak=("__gmon_start__",), lazy=("puts",)).starts is Starts.YES


def test_glibc_64_bit_names_are_bound_to_plain_names(run):
    assert run({}, needed=("libc.so.6",), lazy=("fopen64",)).starts is Starts.YES
    assert run({}, needed=("libc.so.6",), lazy=("puts64",)).starts is Starts.NO


def test_glibc_in_search_path_is_replaced_by_loader(run, glibc):
    libc = glibc["/lib/x86_64-linux-gnu/libc.so.6"]
    assert run({"/opt/libc.so.6": libc}, needed=("/opt/libc.so.6",), undefined=("puts",)).starts is Starts.YES


def test_musl_loader_under_glibc_name_is_recognised(run, make_elf):
    link = {"/lib64/ld-linux-x86-64.so.2": LOADER}
    assert run(link, needed=("libc.so.6",), interpreter="/lib64/ld-linux-x86-64.so.2").starts is Starts.YES
    _lacks(run(link, needed=("libc.so.6", "libgcc_s.so.1"), interpreter="/lib64/ld-linux-x86-64.so.2"), "libgcc_s.so.1")


def test_unknown_loader_is_not_checked(run, make_elf):
    prediction = run({"/lib/ld-other.so": make_elf(exports=("start",))}, interpreter="/lib/ld-other.so")
    assert prediction.starts is Starts.NOT_CHECKED
    assert prediction.not_checked == ("/lib/ld-other.so is neither the loader of glibc nor that of musl",)


@pytest.mark.parametrize(
    ("files", "needed", "why"),
    [
        pytest.param({}, "", "Invalid argument", id="an-empty-name"),
        pytest.param({}, "x" * 256, "No such file or directory", id="a-name-that-is-too-long"),
        pytest.param({"/lib/liba.so/": b""}, "liba.so", "Is a directory", id="a-directory"),
        pytest.param({"/lib/liba.so": "liba.so"}, "liba.so", "Symbolic link loop", id="a-link-to-itself"),
        pytest.param({}, "/opt/liba.so", "No such file or directory", id="a-path"),
        pytest.param({"/lib/liba.so": {"type": 1}}, "liba.so", "Exec format error", id="an-object-file"),
        pytest.param({"/lib/liba.so": {"dynamic": False}}, "liba.so", "Exec format error", id="no-dynamic-section"),
    ],
)
def test_library_that_cannot_be_mapped_is_named_with_its_reason(run, make_elf, files, needed, why):
    made = {path: make_elf(**value) if isinstance(value, dict) else value for path, value in files.items()}
    _lacks(run(made, needed=(needed,)), needed, why=why)


def test_file_of_root_is_denied_by_path_and_skipped_in_a_search(run, images, make_elf):
    library = images.File(content=make_elf(), mode=0o600)
    _lacks(run({"/lib/liba.so": library}, user="1000"), "liba.so")
    _lacks(run({"/opt/liba.so": library}, needed=("/opt/liba.so",), user="1000"), "/opt/liba.so",
           why="Permission denied")  # fmt: skip
    folder = {"/opt/": images.File(mode=0o700), "/opt/liba.so": make_elf()}
    _lacks(run(folder, needed=("/opt/liba.so",), user="1000"), "/opt/liba.so", why="Permission denied")


def test_library_of_other_machine_is_not_refused(run, make_elf):
    assert run({"/lib/liba.so": make_elf(machine=183)}).starts is Starts.YES


@pytest.mark.parametrize(
    "content", [pytest.param({"/etc/ld-musl-x86_64.path/": b""}, id="a-directory"),
                pytest.param({"/etc/ld-musl-x86_64.path": "ld-musl-x86_64.path"}, id="a-link-to-itself")]
)  # fmt: skip
def test_path_file_that_cannot_be_read_leaves_no_directories(run, make_elf, content):
    _lacks(run({**content, "/lib/liba.so": make_elf()}), "liba.so")


def test_origin_of_setuid_program_voids_its_list_but_not_that_of_a_library(run, make_elf):
    assert run({"/app/liba.so": make_elf()}, runpath="${ORIGIN}").starts is Starts.YES
    _lacks(run({"/app/liba.so": make_elf()}, runpath="${ORIGIN}", mode=0o4755, user="1000"), "liba.so")
    files = {"/lib/liba.so": make_elf(needed=("libb.so",), runpath="$ORIGIN/sub"), "/lib/sub/libb.so": make_elf()}
    assert run(files, mode=0o4755, user="1000").starts is Starts.YES


def test_preload_is_loaded_except_for_setuid_program(run, make_elf):
    files = {"/lib/liba.so": make_elf(), "/p.so": make_elf(needed=("libgone.so",))}
    env = {"LD_PRELOAD": "/gone.so /p.so"}
    _lacks(run(files, env=env), "libgone.so", by="/p.so")
    assert run(files, env=env, mode=0o4755, user="1000").starts is Starts.YES


def test_two_names_of_one_file_are_one_object(run, make_elf):
    files = {"/lib/liba.so": make_elf(needed=("libgone.so",)), "/lib/libb.so": "liba.so"}
    evidence = run(files, needed=("liba.so", "libb.so", "/lib/liba.so")).findings[-1].evidence
    assert evidence[1:] == ("/lib/liba.so: needs libgone.so: No such file or directory",)


def test_cycle_of_libraries_ends(run, make_elf):
    files = {"/lib/liba.so": make_elf(needed=("libb.so",)), "/lib/libb.so": make_elf(needed=("liba.so",))}
    assert run(files).starts is Starts.YES


@pytest.mark.parametrize(
    ("interpreter", "machine", "bits", "architecture"),
    [
        ("/opt/lib/ld-musl-armel.so.1", 40, 32, "armel"),
        ("/lib/loader", 62, 64, "x86_64"),
        ("/lib/loader", 62, 32, "x32"),
        ("/lib/loader", 40, 32, "armhf"),
    ],
)
def test_architecture_is_read_from_the_name_of_the_loader_or_its_machine(
    make_elf, interpreter, machine, bits, architecture
):
    data = make_elf(machine=machine, bits=bits)
    elf = read_elf(lambda offset, length: data[offset : offset + length], len(data))
    assert musl_architecture(elf, interpreter) == architecture


def test_program_with_unreadable_dynamic_section_is_not_checked(images, musl, make_elf):
    program = make_elf(interpreter=LOADER, needed=("libc.so.6",)).replace(b"libc.so.6\0", b"libc.so.6X")
    prediction = predict_start(images.config("/app/prog"), images.rootfs({**musl, "/app/prog": program}))
    assert prediction.starts is Starts.NOT_CHECKED


def test_gcompat_runs_the_loader_of_musl_with_its_library(images, musl, make_elf):
    gcompat = {
        "/lib64/ld-linux-x86-64.so.2": make_elf(type=2, trailer=b"libgcompat.so.0"),
        "/lib/libgcompat.so.0": make_elf(exports=("gnu_get_libc_version",)),
        "/app/prog": make_elf(
            interpreter="/lib64/ld-linux-x86-64.so.2", needed=("libc.so.6",), undefined=("gnu_get_libc_version",)
        ),
    }
    config = images.config("/app/prog")
    assert predict_start(config, images.rootfs({**musl, **gcompat})).starts is Starts.YES
    alone = predict_start(config, images.rootfs(gcompat))
    assert alone.not_checked == ("/lib64/ld-linux-x86-64.so.2 (gcompat) without musl's loader",)
