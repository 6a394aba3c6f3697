"""The start matrix: subjects × base images × forms, really run once, and predicted ever after."""
