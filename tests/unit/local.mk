# tests/unit: tests of the pure parts.
