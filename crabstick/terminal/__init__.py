"""What the commands share: which cluster is meant, the live table, waiting for a bot."""
