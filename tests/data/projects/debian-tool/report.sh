#!/bin/sh
# Counts what is in the data.
exec wc -c /srv/data/numbers
