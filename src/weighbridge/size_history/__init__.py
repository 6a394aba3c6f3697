"""The history of images' sizes: JSON lines in a file of the cache folder, or in a branch of the repository."""
