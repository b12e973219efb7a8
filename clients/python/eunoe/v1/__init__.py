"""Generated from proto/eunoe/v1 by proto/generate.py. Do not edit."""
