"""The report: its schema and its renderings."""
