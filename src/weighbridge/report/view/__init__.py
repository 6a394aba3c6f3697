"""What all renderers share: the facts of a report, counted, sorted and worded once; one module per subject.

Plain values in, plain values out; nothing here is escaped, so every renderer must escape the results.
"""
