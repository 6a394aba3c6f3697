"""What the files of a repository say about the build of a Dockerfile."""
