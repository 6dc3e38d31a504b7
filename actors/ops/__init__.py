"""Operations of the commands on a cluster: connect, deploy, probe, drain, shut down."""
