"""Memories with the Python client: keep something, and find it by what it means."""

import os

from eunoe import Eunoe

address = os.environ.get("EUNOE_GRPC_ADDRESS", "127.0.0.1:50051")

with Eunoe(address, api_key=os.environ["EUNOE_API_KEY"]) as client:
    client.memories.create(
        {"firstName": "Jane", "lastName": "Doe", "company": "Acme Corp"},
        label="User Profile",
        namespace="user_456",
        tags=["profile", "customer"],
    )
    client.memories.create(
        "User is allergic to peanuts", namespace="user_456", tags=["health", "dietary"]
    )

    for memory in client.memories.list(namespace="user_456"):
        print(memory.tags, memory.value)

    best = client.search("What food must be avoided?", namespace="user_456")[0]
    print(best.item.value)
