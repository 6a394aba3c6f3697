"""What the commands of `cli` are made of: options, settings and clients in; reports, plans and tables out."""
