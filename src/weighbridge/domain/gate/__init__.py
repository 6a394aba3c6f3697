"""The gate: limits, ignored findings, and the verdict."""
