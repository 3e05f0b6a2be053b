"""What survives a crash: cards, watches, followers and how far results have been posted, in SQLite."""
