"""Predicts whether a container starts. Emulates the kernel, the dynamic loaders and shells; runs nothing."""
