"""The Eunoe memory server. Start reading at `app.py` (what is built) or `ARCHITECTURE.md` (why)."""
