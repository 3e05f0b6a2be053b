"""Measures what the bot promises, each thing beside a peer in one run: `make bench`, report in bench/README.md."""
