"""The loader of glibc: where it looks, in which order, and what it dies of."""

from __future__ import annotations

import struct

import pytest

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.start.loader.compiled_in import glibc_paths, musl_paths, system_directories
from weighbridge.domain.start.predict import Starts, predict_start

LOADER = "/lib64/ld-linux-x86-64.so.2"
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"


@pytest.fixture
def run(images, glibc, make_elf):
    """Predicts the start of ``/app/prog`` that needs `needed`, with more files in the image."""

    def run(files, needed=("liba.so",), env=None, **program):
        program.setdefault("interpreter", LOADER)
        mode = program.pop("mode", 0o755)
        user = program.pop("user", "")
        prog = make_elf(needed=(*needed, "libc.so.6"), **program)
        rootfs = images.rootfs({**glibc, "/app/prog": images.File(content=prog, mode=mode), **files})
        return predict_start(images.config("/app/prog", env=env or {}, user=user), rootfs)

    return run


def _dies(prediction, code, predicts):
    assert prediction.starts is Starts.NO, prediction
    assert (prediction.findings[-1].code, prediction.findings[-1].predicts) == (code, predicts)


def _lacks(prediction, name):
    _dies(
        prediction,
        "libc-needed-missing",
        f"/app/prog: error while loading shared libraries: {name}: cannot open shared object file: "
        "No such file or directory",
    )


def test_library_in_compiled_in_directory_is_found(run, make_elf):
    for directory in ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"):
        assert run({f"{directory}/liba.so": make_elf(soname="liba.so")}).starts is Starts.YES


def test_library_outside_search_path_is_missing(run, make_elf):
    for directory in ("/usr/local/lib", "/lib64", "/app"):
        _lacks(run({f"{directory}/liba.so": make_elf(soname="liba.so")}), "liba.so")


def test_system_directories_are_read_from_loader():
    fedora = b"junk\0/etc/ld.so.cache\0more\0/lib64/\0/usr/lib64/\0tail"
    assert system_directories(fedora) == ("/lib64/", "/usr/lib64/")
    assert system_directories(b"nothing")[0] == "/lib64/"


def test_evidence_names_all_missing_libraries(run):
    prediction = run({}, needed=("liba.so", "libb.so"))
    _lacks(prediction, "liba.so")
    assert any("libb.so" in line for line in prediction.findings[0].evidence)


def test_ld_library_path_empty_part_is_working_directory(run, make_elf):
    library = {"/opt/liba.so": make_elf()}
    assert run(library, env={"LD_LIBRARY_PATH": "/nope:/opt"}).starts is Starts.YES
    assert run({"/liba.so": make_elf()}, env={"LD_LIBRARY_PATH": "/nope:"}).starts is Starts.YES


def test_setuid_program_ignores_ld_library_path(run, make_elf):
    library = {"/opt/liba.so": make_elf()}
    env = {"LD_LIBRARY_PATH": "/opt"}
    _lacks(run(library, env=env, mode=0o4755, user="1000"), "liba.so")
    assert run(library, env=env, mode=0o4755, user="0").starts is Starts.YES
    _lacks(run(library, env=env, mode=0o2755, user="1000:1000"), "liba.so")
    assert run(library, env=env, mode=0o2745, user="1000:1000").starts is Starts.YES  # not for the group: no set-group
    assert run(library, env=env, mode=0o2755, user="1000:0").starts is Starts.YES
    assert run(library, env=env, mode=0o755, user="1000:1000").starts is Starts.YES


def test_rpath_is_inherited_by_dependencies_and_runpath_is_not(run, make_elf):
    files = {"/opt/liba.so": make_elf(soname="liba.so", needed=("libb.so",)), "/opt/libb.so": make_elf()}
    assert run(files, rpath="/opt").starts is Starts.YES
    _lacks(run(files, runpath="/opt"), "libb.so")


def test_object_with_runpath_ignores_every_rpath(run, make_elf):
    files = {
        "/opt/liba.so": make_elf(soname="liba.so", needed=("libb.so",), runpath="/elsewhere"),
        "/opt/libb.so": make_elf(),
    }
    _lacks(run(files, rpath="/opt"), "libb.so")
    _lacks(run({"/opt/liba.so": make_elf()}, rpath="/opt", runpath="/elsewhere"), "liba.so")


@pytest.mark.parametrize("token", ["$ORIGIN/../opt/lib", "${ORIGIN}/../opt/lib"])
def test_origin_is_directory_of_object(run, make_elf, token):
    assert run({"/opt/lib/liba.so": make_elf()}, runpath=token).starts is Starts.YES
    _lacks(run({"/opt/liba.so": make_elf()}, runpath=token), "liba.so")


def test_lib_and_platform_expand(run, make_elf):
    assert run({"/opt/lib/x86_64-linux-gnu/liba.so": make_elf()}, runpath="/opt/$LIB").starts is Starts.YES
    assert run({"/opt/x86_64/liba.so": make_elf()}, runpath="/opt/$PLATFORM").starts is Starts.YES


def test_library_of_other_class_or_machine_is_skipped(run, make_elf):
    files = {
        "/opt/liba.so": make_elf(bits=32, machine=3),
        "/opt2/liba.so": make_elf(machine=183),
        "/usr/lib/liba.so": make_elf(),
    }
    assert run(files, env={"LD_LIBRARY_PATH": "/opt:/opt2"}).starts is Starts.YES


def test_only_library_of_other_class_is_named_so(run, make_elf):
    _dies(
        run({"/lib/liba.so": make_elf(bits=32, machine=3)}),
        "libc-needed-missing",
        "/app/prog: error while loading shared libraries: liba.so: wrong ELF class: ELFCLASS32",
    )


def test_broken_library_ends_search(run, make_elf):
    files = {"/opt/liba.so": b"x" * 100, "/lib/liba.so": make_elf()}
    _dies(
        run(files, env={"LD_LIBRARY_PATH": "/opt"}),
        "libc-needed-missing",
        "/app/prog: error while loading shared libraries: /opt/liba.so: invalid ELF header",
    )
    _dies(
        run({"/lib/liba.so": b"short"}),
        "libc-needed-missing",
        "/app/prog: error while loading shared libraries: /lib/liba.so: file too short",
    )


@pytest.mark.parametrize(
    ("offset", "value", "text"),
    [
        (7, 9, "/lib/liba.so: ELF file OS ABI invalid"),
        (8, 1, "/lib/liba.so: ELF file ABI version invalid"),
        (9, 1, "/lib/liba.so: nonzero padding in e_ident"),
        (20, 0, "/lib/liba.so: ELF file version does not match current one"),
        (16, 1, "/lib/liba.so: only ET_DYN and ET_EXEC can be loaded"),
        (16, 2, "liba.so: cannot dynamically load executable"),
        (54, 1, "/lib/liba.so: ELF file's phentsize not the expected size"),
        (56, 0, "liba.so: object file has no loadable segments"),
    ],
)
def test_library_with_wrong_header_ends_the_program(run, make_elf, offset, value, text):
    library = bytearray(make_elf(soname="liba.so"))
    library[offset] = value
    said = f"/app/prog: error while loading shared libraries: {text}"
    _dies(run({"/lib/liba.so": bytes(library)}), "libc-needed-missing", said)


def test_library_of_gnu_abi_is_loaded(run, make_elf):
    library = bytearray(make_elf(soname="liba.so"))
    library[7:9] = b"\3\1"
    assert run({"/lib/liba.so": bytes(library)}).starts is Starts.YES


def _cache(soname: str, path: str) -> bytes:
    strings = soname.encode() + b"\0" + path.encode() + b"\0"
    row = struct.pack("<iIIIQ", 0x0303, 72, 72 + len(soname) + 1, 0, 0)
    return b"glibc-ld.so.cache1.1" + struct.pack("<II", 1, len(strings)) + bytes(20) + row + strings


def test_loader_cache_precedes_directories(run, make_elf):
    files = {"/etc/ld.so.cache": _cache("liba.so", "/opt/liba.so"), "/opt/liba.so": make_elf()}
    assert run(files).starts is Starts.YES
    gone = {**files, "/opt/liba.so": "/gone"}
    _lacks(run(gone), "liba.so")


def test_ld_so_conf_without_cache_has_no_effect(run, make_elf):
    _lacks(run({"/etc/ld.so.conf": b"/opt\n", "/opt/liba.so": make_elf()}), "liba.so")


def test_df_1_nodeflib_skips_default_directories(run, make_elf):
    files = {"/lib/liba.so": make_elf(), "/opt/libc.so.6": make_elf(soname="libc.so.6")}
    _lacks(run(files, flags_1=0x800, runpath="/opt"), "liba.so")


def test_hwcaps_directories_are_searched(run, make_elf):
    files = {"/lib/glibc-hwcaps/x86-64-v3/liba.so": make_elf()}
    assert run(files).starts is Starts.YES


def test_loaded_soname_is_not_searched_again(run, make_elf):
    files = {
        "/opt/liba.so": make_elf(soname="libreal.so", needed=()),
        "/opt/libb.so": make_elf(soname="libb.so", needed=("libreal.so",)),
    }
    assert run(files, needed=("/opt/liba.so", "/opt/libb.so")).starts is Starts.YES


def test_preload_missing_is_ignored_and_existing_counts(run, make_elf):
    assert run({"/lib/liba.so": make_elf()}, env={"LD_PRELOAD": "/nope.so"}).starts is Starts.YES
    preload = {"/p.so": make_elf(needed=("libgone.so",)), "/lib/liba.so": make_elf()}
    _lacks(run(preload, env={"LD_PRELOAD": "/p.so"}), "libgone.so")
    _lacks(run({**preload, "/etc/ld.so.preload": b"/p.so\n"}), "libgone.so")


def test_version_missing_in_libc_is_fatal(run):
    _dies(
        run({}, needed=(), needed_versions=(("libc.so.6", "GLIBC_2.38", False),)),
        "libc-version-missing",
        f"/app/prog: {LIBC}: version `GLIBC_2.38' not found (required by /app/prog)",
    )
    assert run({}, needed=(), needed_versions=(("libc.so.6", "GLIBC_2.34", False),)).starts is Starts.YES


def test_versions_are_names_not_numbers(run):
    prediction = run({}, needed=(), needed_versions=(("libc.so.6", "GLIBC_ABI_DT_RELR", False),))
    _dies(
        prediction,
        "libc-version-missing",
        f"/app/prog: {LIBC}: version `GLIBC_ABI_DT_RELR' not found (required by /app/prog)",
    )


def test_weak_version_is_not_fatal(run):
    assert run({}, needed=(), needed_versions=(("libc.so.6", "GLIBC_2.38", True),)).starts is Starts.YES


def test_library_without_versions_only_warns(run, make_elf):
    prediction = run({"/lib/liba.so": make_elf()}, needed_versions=(("liba.so", "A_1", False),))
    assert prediction.starts is Starts.YES
    (warning,) = prediction.findings
    assert warning.severity is Severity.WARNING
    assert warning.predicts == "/app/prog: /lib/liba.so: no version information available (required by /app/prog)"


def test_missing_symbol_fails_at_start_if_bound_now(run, make_elf):
    files = {"/lib/liba.so": make_elf(exports=("other",))}
    text = "/app/prog: symbol lookup error: /app/prog: undefined symbol: wanted"
    _dies(run(files, lazy=("wanted",), bind_now=True), "libc-symbol-missing", text)
    _dies(run(files, undefined=("wanted",)), "libc-symbol-missing", text)
    lazy = run(files, lazy=("wanted",))
    assert lazy.starts is Starts.YES
    assert [(found.code, found.severity) for found in lazy.findings] == [("libc-symbol-missing", Severity.WARNING)]


def test_symbols_defined_or_weak_give_no_finding(run, make_elf):
    files = {"/lib/liba.so": make_elf(exports=("wanted",))}
    prediction = run(files, undefined=("wanted", "puts"), weak=("maybe",), bind_now=True)
    assert (prediction.starts, prediction.findings) == (Starts.YES, ())


def test_libc_needing_its_loader_gives_no_finding(run):
    assert run({}, needed=()).findings == ()


def test_paths_of_other_prefix_are_read_from_loader():
    store = b"x\0/nix/store/a-glibc/etc/ld.so.cache\0/etc/ld-nix.so.preload\0/nix/store/a-glibc/lib/\0/opt/own/\0y"
    paths = glibc_paths(store)
    assert (paths.cache, paths.preload) == ("/nix/store/a-glibc/etc/ld.so.cache", "/etc/ld-nix.so.preload")
    assert paths.directories == ("/nix/store/a-glibc/lib/", "/opt/own/")


def test_loader_without_cache_name_uses_default_cache():
    assert glibc_paths(b"\0/lib/\0").cache == "/etc/ld.so.cache"


def test_paths_of_musl_in_other_prefix_are_read_from_loader():
    paths = musl_paths(b"\0/opt/musl/lib:/opt/lib\0%.*s/etc/ld-musl-armhf.path\0")
    assert (paths.path, paths.architecture) == ("/opt/musl/lib:/opt/lib", "armhf")
    assert musl_paths(b"").path == "/lib:/usr/local/lib:/usr/lib"
