"""Everything that is sent after the response: cards, results, and what Discord's errors mean."""
