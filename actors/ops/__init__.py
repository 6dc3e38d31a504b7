"""What commands do to a cluster from outside: connect, deploy, probe, drain, shut down."""
