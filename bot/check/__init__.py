"""`python -m bot check`: everything that can be known before going live, each with what to do about it."""
