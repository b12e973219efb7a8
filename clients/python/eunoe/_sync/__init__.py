# Generated from ../_async by generate_sync.py. Do not edit.
"""The client without asyncio."""
