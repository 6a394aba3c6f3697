"""Follows shell scripts over all possible branches; `run.follow_script` is the entry point."""
