"""Speed beside the peers: whole steps, single layers, inference and starting up, in one run.

`make bench` runs everything (`python -m benchmarks --help`). Here lives what measures; nothing here
is imported by glassnet, and nothing of it needs to be installed to use glassnet.
"""
