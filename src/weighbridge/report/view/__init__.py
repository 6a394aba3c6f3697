"""What all renderers say alike: the facts of a report, counted, sorted and put into words once; a module a subject.

Plain values in, plain values out; nothing here is escaped, so nothing here may be printed without an escaping filter.
"""
