"""Small programs of scripts: how their calls certainly fail, and which calls are expected to succeed."""
