"""Runs a step of GitHub Actions: reads inputs, weighs, and publishes report, outputs, annotations and comment."""
