"""The reference human: people measured on exactly the images that a network is measured on.

Here live the protocol of a bench (manifest, presets, images), the store that people's answers go
into, the statistics and the report; no HTTP and no command line. Nothing is imported before it is
used: the modules are `manifest`, `bench`, `answers`, `statistics`, `report` and `oracle`.
"""
