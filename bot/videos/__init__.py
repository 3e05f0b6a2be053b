"""Which videos are downloaded, from which addresses, into which files."""
