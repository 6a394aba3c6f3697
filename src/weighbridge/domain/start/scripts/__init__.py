"""Shell scripts, followed over all branches that can be taken: `run.follow_script` is the entrance."""
