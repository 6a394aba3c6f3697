"""The loader of glibc: where it looks, in which order, and what it dies of."""

from __future__ import annotations

import struct

import pytest

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.start.loader import glibc as glibc_loader
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


@pytest.mark.parametrize(
    ("files", "program", "text"),
    [
        pytest.param(
            {"/lib/liba.so/": b""},
            {},
            "/lib/liba.so: cannot read file data: Is a directory",
            id="a-directory",
        ),
        pytest.param(
            {"/usr/lib/liba.so": {"mode": 0o600}},
            {"user": "1000"},
            "liba.so: cannot open shared object file: Permission denied",
            id="a-file-of-root-in-the-last-place",
        ),
        pytest.param(
            {"/lib/liba.so": {"mode": 0o600}},
            {"user": "1000"},
            "liba.so: cannot open shared object file: No such file or directory",
            id="a-file-of-root-in-another-place",
        ),
        pytest.param(
            {"/usr/lib/": {"mode": 0o700}, "/usr/lib/liba.so": {}},
            {"user": "1000"},
            "liba.so: cannot open shared object file: Permission denied",
            id="a-folder-of-root",
        ),
        pytest.param(
            {"/lib/liba.so": {"big_endian": True}},
            {},
            "/lib/liba.so: ELF file data encoding not little-endian",
            id="other-byte-order",
        ),
        pytest.param(
            {"/lib/liba.so": {"dynamic": False}},
            {},
            "liba.so: object file has no dynamic section",
            id="no-dynamic-section",
        ),
    ],
)
def test_library_that_cannot_be_mapped_ends_the_program(run, images, make_elf, files, program, text):
    def file(value):
        mode = value.pop("mode", 0o755)
        return images.File(content=make_elf(**value), mode=mode)

    made = {path: value if isinstance(value, bytes) else file(dict(value)) for path, value in files.items()}
    prediction = run(made, **program)
    _dies(prediction, "libc-needed-missing", f"/app/prog: error while loading shared libraries: {text}")


@pytest.mark.parametrize(
    ("offset", "value", "text"),
    [
        pytest.param(32, 0xFF, "/lib/liba.so: cannot read file data", id="program-headers-outside-the-file"),
        pytest.param(None, 0xFF, "/lib/liba.so: cannot read file data", id="dynamic-section-outside-the-file"),
    ],
)
def test_library_with_tables_outside_the_file_ends_the_program(run, make_elf, offset, value, text):
    library = bytearray(make_elf(soname="liba.so"))
    at = 64 + 56 + 8 if offset is None else offset  # The offset of the second segment, PT_DYNAMIC.
    library[at : at + 4] = bytes([value] * 3 + [0])
    said = f"/app/prog: error while loading shared libraries: {text}"
    _dies(run({"/lib/liba.so": bytes(library)}), "libc-needed-missing", said)


def test_required_filter_is_loaded_before_needed_and_auxiliary_may_be_missing(run, make_elf):
    _lacks(run({"/lib/liba.so": make_elf(filters=("libfilter.so",), needed=("libneeded.so",))}), "libfilter.so")
    assert run({"/lib/liba.so": make_elf(auxiliary=("libgone.so", "libbad.so")), "/lib/libbad.so": b"x"}).findings == ()


def test_evidence_lists_eight_missing_libraries_and_counts_the_others(run):
    evidence = run({}, needed=tuple(f"lib{number}.so" for number in range(10))).findings[0].evidence
    assert evidence[8:] == ("/app/prog: needs lib7.so: cannot open shared object file: No such file or directory",
                            "and 2 more")  # fmt: skip


def test_evidence_names_skipped_libraries_of_other_machines(run, make_elf):
    evidence = run({"/lib/liba.so": make_elf(machine=183)}).findings[0].evidence
    assert "/lib/liba.so is for arm64" in evidence


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot open shared object file"),
        (b"text", "file too short"),
        ({"bits": 32, "machine": 3}, "wrong ELF class"),
    ],
)
def test_preload_that_cannot_be_mapped_is_a_warning(run, make_elf, content, reason):
    files = {"/lib/liba.so": make_elf()}
    if content is not None:
        files["/p.so"] = content if isinstance(content, bytes) else make_elf(**content)
    prediction = run(files, env={"LD_PRELOAD": "/p.so"})
    (warning,) = prediction.findings
    assert (prediction.starts, warning.severity) == (Starts.YES, Severity.WARNING)
    text = "/p.so: file too short" if content == b"text" else reason
    assert warning.predicts.startswith("ERROR: ld.so: object '/p.so' from LD_PRELOAD cannot be preloaded (")
    assert warning.predicts.endswith(reason)
    assert warning.evidence[0] == f"LD_PRELOAD names /p.so: {text.removeprefix('/p.so: ')}"


def test_many_missing_preloads_give_eight_warnings(run, make_elf):
    env = {"LD_PRELOAD": ":".join(f"/p{number}.so" for number in range(12))}
    assert len(run({"/lib/liba.so": make_elf()}, env=env).findings) == 8


def test_setuid_program_ignores_ld_preload_but_not_the_file(run, make_elf):
    files = {"/lib/liba.so": make_elf(), "/p.so": make_elf(needed=("libgone.so",))}
    assert run(files, env={"LD_PRELOAD": "/p.so"}, mode=0o4755, user="1000").starts is Starts.YES
    _lacks(run({**files, "/etc/ld.so.preload": b"# /x.so\n/p.so # why\n"}, mode=0o4755, user="1000"), "libgone.so")


def test_setuid_program_follows_origin_only_into_system_directories(run, make_elf):
    own, system = {"/opt/liba.so": make_elf()}, {"/lib/x86_64-linux-gnu/liba.so": make_elf()}
    assert run(own, runpath="$ORIGIN/../opt").starts is Starts.YES
    _lacks(run(own, runpath="$ORIGIN/../opt", mode=0o4755, user="1000"), "liba.so")
    chain = {"/opt/liba.so": make_elf(needed=("libb.so",)), "/lib/x86_64-linux-gnu/sub/libb.so": make_elf()}
    rpath = "/opt:$ORIGIN/../lib/x86_64-linux-gnu/sub"
    assert run(chain, rpath=rpath, mode=0o4755, user="1000").starts is Starts.YES
    assert run(system, mode=0o4755, user="1000").starts is Starts.YES


def test_unknown_token_in_a_path_stays_as_it_is(run, make_elf):
    assert run({"/opt/$OTHER/liba.so": make_elf()}, runpath="/opt/$OTHER").starts is Starts.YES


def test_rpath_of_the_program_is_searched_for_a_dependency_of_a_preload(run, make_elf):
    files = {"/p.so": make_elf(needed=("libb.so",)), "/opt/libb.so": make_elf(), "/lib/liba.so": make_elf()}
    assert run(files, rpath="/opt", env={"LD_PRELOAD": "/p.so"}).starts is Starts.YES


def test_two_names_of_one_file_are_one_object(run, make_elf):
    files = {"/lib/liba.so": make_elf(lazy=("wanted",)), "/lib/libb.so": "liba.so"}
    assert len(run(files, needed=("liba.so", "libb.so")).findings) == 1


def test_library_named_by_version_needs_but_not_loaded_is_not_checked(run):
    assert run({}, needed=(), needed_versions=(("libother.so", "A_1", False),)).findings == ()


@pytest.mark.parametrize(
    ("defined", "wanted", "tells"),
    [
        (("A_1.2", "A_1.10", "A_1.9"), "A_2", "has up to A_1.10"),
        (("B_1",), "A_2", "has no A_* versions"),
        (("A_private",), "A_2", "has no A_* versions"),
        (("B_1",), "plain", "does not define it"),
    ],
)
def test_evidence_of_missing_version_names_the_highest_of_its_family(run, make_elf, defined, wanted, tells):
    files = {"/lib/liba.so": make_elf(soname="liba.so", defined_versions=defined)}
    prediction = run(files, needed_versions=(("liba.so", wanted, False),))
    evidence = f"/app/prog: needs {wanted} of liba.so; /lib/liba.so {tells}"
    assert prediction.findings[-1].evidence == (evidence,)


def test_symbol_of_another_version_is_undefined_and_of_unversioned_library_is_not(run, make_elf):
    wants = {"undefined": ("f",), "needed_versions": (("liba.so", "A_2", True),), "versions_of": {"f": "A_2"}}
    library = make_elf(soname="liba.so", exports=("f",), defined_versions=("A_1",), versions_of={"f": "A_1"})
    text = "/app/prog: symbol lookup error: /app/prog: undefined symbol: f, version A_2"
    _dies(run({"/lib/liba.so": library}, **wants), "libc-symbol-missing", text)
    assert run({"/lib/liba.so": make_elf(soname="liba.so", exports=("f",))}, **wants).starts is Starts.YES


def test_ld_bind_now_makes_lazy_symbols_fatal_except_for_setuid_program(run, make_elf):
    files, env = {"/lib/liba.so": make_elf()}, {"LD_BIND_NOW": "1"}
    assert run(files, lazy=("wanted",), env=env).starts is Starts.NO
    assert run(files, lazy=("wanted",), env={"LD_BIND_NOW": ""}).starts is Starts.YES
    assert run(files, lazy=("wanted",), env=env, mode=0o4755, user="1000").starts is Starts.YES


def test_program_with_unreadable_dynamic_section_is_not_checked(run, images, glibc, make_elf):
    program = make_elf(interpreter=LOADER, needed=("libc.so.6",)).replace(b"libc.so.6\0", b"libc.so.6X")
    prediction = predict_start(images.config("/app/prog"), images.rootfs({**glibc, "/app/prog": program}))
    assert prediction.starts is Starts.NOT_CHECKED


def test_more_libraries_than_the_limit_are_not_checked(run, make_elf, monkeypatch):
    monkeypatch.setattr(glibc_loader, "MAX_OBJECTS", 3)
    names = tuple(f"lib{number}.so" for number in range(5))
    prediction = run({f"/lib/{name}": make_elf(needed=("libgone.so",)) for name in names}, needed=names)
    assert prediction.not_checked == ("more than 3 libraries",)


def test_hwcaps_entry_of_the_cache_is_used_only_without_a_plain_one(run, make_elf):
    plain, special = _cache("liba.so", "/opt/liba.so"), bytearray(_cache("liba.so", "/opt/liba.so"))
    special[64:72] = (1).to_bytes(8, "little")
    for cache in (plain, bytes(special)):
        assert run({"/etc/ld.so.cache": cache, "/opt/liba.so": make_elf()}).starts is Starts.YES


def test_cache_of_another_machine_has_no_effect(run, make_elf):
    cache = bytearray(_cache("liba.so", "/opt/liba.so"))
    cache[48:52] = (0x0A03).to_bytes(4, "little")
    _lacks(run({"/etc/ld.so.cache": bytes(cache), "/opt/liba.so": make_elf()}), "liba.so")
