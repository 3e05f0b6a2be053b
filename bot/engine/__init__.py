"""What is watched, when it is polled, and what follows from an answer."""
