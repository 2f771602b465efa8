# tests/lint: the habits that a program can check.
if HAVE_PYTHON3
TESTS += tests/lint/habits.py tests/lint/symbols.py
endif
EXTRA_DIST += \
	tests/lint/allow.txt \
	tests/lint/csource.py \
	tests/lint/habits.py \
	tests/lint/report.py \
	tests/lint/symbols.py

# README and docs
TESTS += tests/lint/readme.sh
EXTRA_DIST += tests/lint/readme.sh
