"""The bot's HTTP endpoints on Ray Serve, and the guard in Serve's proxy."""
