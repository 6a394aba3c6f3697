"""What `make` needs to give a developer engines and base images. Standard library only: it runs before pip does."""
