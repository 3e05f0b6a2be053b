"""A simulated task API on real sockets, and its scripted renders."""
