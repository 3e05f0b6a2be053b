"""What survives a crash: cards, watches, followers and the progress of deliveries, in SQLite."""
