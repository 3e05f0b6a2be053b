"""Health, readiness and metrics, served for machines."""
