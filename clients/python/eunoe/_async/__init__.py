"""The client for asyncio; the blocking one in `_sync` is generated from it."""
