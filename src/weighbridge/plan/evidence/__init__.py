"""Evidence in the files of a repository for how a Dockerfile is built."""
