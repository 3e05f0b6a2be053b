"""What is true whatever carries it out: values and rules, without clock, I/O or third-party code."""
