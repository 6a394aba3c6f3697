"""The Dockerfile's own checks, without a build. `rules` runs them, `codes` lists them."""
