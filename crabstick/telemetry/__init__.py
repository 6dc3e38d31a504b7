"""What we tell about ourselves: logs and metrics. It listens; nothing here decides."""
