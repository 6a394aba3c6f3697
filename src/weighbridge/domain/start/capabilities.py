"""File capabilities: the extended attribute ``security.capability``, and its effect on ``execve``.

Sources: capabilities(7) "File capabilities"; ``get_vfs_caps_from_disk`` and ``bprm_caps_from_vfs_caps`` in
security/commoncap.c; ``vfs_cap_data`` in include/uapi/linux/capability.h of Linux.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_LISTED = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable "
    "net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot "
    "sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease "
    "audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read "
    "perfmon bpf checkpoint_restore"
)
"""All capabilities, in the order of their numbers."""
_NAMES = tuple(_LISTED.split())

BOUNDING_SET = frozenset(
    {"chown", "dac_override", "fsetid", "fowner", "mknod", "net_raw", "setgid", "setuid", "setfcap", "setpcap"}
    | {"net_bind_service", "sys_chroot", "kill", "audit_write"}
)
"""The capabilities that Docker and containerd give to a container by default."""

_EFFECTIVE = 1
_REVISION_SHIFT = 24
_WORDS = {1: 1, 2: 2, 3: 2}
"""The number of pairs of 32 bits (permitted, inheritable) per revision. Revision 3 adds the uid of a root user."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileCapabilities:
    """The capabilities of a file, as bit masks. `root_uid` is the root of the user namespace that they apply to."""

    permitted: int
    is_effective: bool
    root_uid: int = 0

    @property
    def count_here(self) -> bool:
        """False if they apply to another user namespace only; the kernel then ignores them."""
        return self.root_uid == 0

    @property
    def beyond_bounding_set(self) -> tuple[str, ...]:
        """The permitted capabilities that a container does not have by default."""
        return tuple(name for name in names_of(self.permitted) if name not in BOUNDING_SET)

    @property
    def refuses_execution(self) -> bool:
        """True if ``execve`` fails with EPERM: the effective capabilities exceed the bounding set."""
        return self.count_here and self.is_effective and bool(self.beyond_bounding_set)

    @property
    def raises_privilege(self) -> bool:
        """True if a user other than root gains privileges, which makes the execution secure (``AT_SECURE``)."""
        gained = any(name in BOUNDING_SET for name in names_of(self.permitted))
        return self.count_here and (self.is_effective or gained)


def parse_file_capabilities(value: bytes) -> FileCapabilities | None:
    """The attribute's value, revisions 1 to 3; None if it is malformed."""
    if len(value) < 4:
        return None
    (magic,) = struct.unpack_from("<I", value)
    revision = magic >> _REVISION_SHIFT
    words = _WORDS.get(revision)
    if words is None or len(value) != 4 + 8 * words + (4 if revision == 3 else 0):
        return None
    pairs = struct.unpack_from(f"<{2 * words}I", value, 4)
    return FileCapabilities(
        permitted=sum(number << 32 * index for index, number in enumerate(pairs[::2])),
        is_effective=bool(magic & _EFFECTIVE),
        root_uid=struct.unpack_from("<I", value, 20)[0] if revision == 3 else 0,
    )


def names_of(mask: int) -> tuple[str, ...]:
    """The names of the capabilities in a bit mask, in setcap's spelling without ``cap_``; unknown ones as numbers."""
    bits = (bit for bit in range(mask.bit_length()) if mask >> bit & 1)
    return tuple(_NAMES[bit] if bit < len(_NAMES) else str(bit) for bit in bits)
