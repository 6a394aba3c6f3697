"""The order in which pieces are dropped if the comment is too long: highest rank first. `KEEP` is never dropped."""

from __future__ import annotations

KEEP = 0
RANK_LIMIT = 10
RANK_CHANGED_ROW = 20
RANK_PROBLEM = 30
RANK_NOTE = 40
RANK_TOTAL = 42
RANK_CAUSE = 45
RANK_SINCE_PUSH = 48
RANK_LOG = 50
RANK_PATCH = 52
RANK_TIP = 55
RANK_IGNORED = 60
RANK_LADDER = 62
RANK_LAYERS = 65
RANK_PACKAGES = 70
RANK_FINDINGS = 75
RANK_FILES = 80
RANK_DETAILS = 85
RANK_UNCHANGED_ROW = 90
