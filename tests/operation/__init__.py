"""What operators rely on: processes, metrics, traces, deployment files, backups, releases."""
