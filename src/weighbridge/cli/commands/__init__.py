"""One module per command. `cli.main` imports a command's module when the command runs."""
