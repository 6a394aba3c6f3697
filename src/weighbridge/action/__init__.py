"""What the Action runs: inputs, commits and settings in; report, outputs, annotations and comment out."""
