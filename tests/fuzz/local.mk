# tests/fuzz: fuzzers and their corpora.
