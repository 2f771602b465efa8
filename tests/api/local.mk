# tests/api: the public interface, as an agent sees it.
EXTRA_DIST += tests/api/installed
