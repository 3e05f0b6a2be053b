"""Simulated servers on real sockets: Discord and the task API, for the demo, the tests and the benchmark."""
