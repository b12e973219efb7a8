"""How the server is run elsewhere: container, cluster, dashboard; and how a release is made."""
