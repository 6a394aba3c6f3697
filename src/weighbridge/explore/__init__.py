"""The interactive browser of an image. Everything but `app` and `listing` is computed without a terminal."""
