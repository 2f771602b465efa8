# tests/api: the public interface, as an agent sees it.
