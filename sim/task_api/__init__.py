"""A simulated task API on real sockets, and the renders that it plays."""
