"""Tests start processes while gRPC is busy; with its fork handlers a child may die of that.

As in `eunoe` itself. It is read when gRPC is imported, so it is said before everything else.
"""

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
