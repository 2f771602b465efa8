# tests/tgt: the library against real targets.
