"""How the bot tells machines that it is well: health, readiness, metrics."""
