"""Computes everything from values: sizes, differences, start predictions, tips, the verdict. No input or output."""
