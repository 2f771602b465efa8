# tests/lint: the habits that a program can check.
