"""The statistics of people beside networks, on arrays: no bench, no page, no file.

SciPy and statsmodels do what they can do. Code of our own stands only where nothing there does it,
and names the paper whose formula it is; docs/human-bench-statistics.md says when each is refused.
Legend: P people, I items (images), K classes. Errors are 1 wrong, 0 right, NaN not seen; a value
between is an expectation over chance (ties, drawn people). A difference is network - people, so
below zero the network makes fewer errors.
"""
