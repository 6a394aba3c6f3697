"""Reads what a repository declares: manifests, lock files, and install commands in a Dockerfile."""

from weighbridge.domain.declarations.commands import declared_by_commands
from weighbridge.domain.declarations.model import Declaration, Declarations
from weighbridge.domain.declarations.read import MAX_FILE_BYTES, read_declarations, reader_of

__all__ = [
    "MAX_FILE_BYTES",
    "Declaration",
    "Declarations",
    "declared_by_commands",
    "read_declarations",
    "reader_of",
]
