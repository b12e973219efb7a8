"""A chat over gRPC that remembers: the second conversation knows what the first one said."""

import os
import time

from eunoe import Eunoe

address = os.environ.get("EUNOE_GRPC_ADDRESS", "127.0.0.1:50051")

with Eunoe(address, api_key=os.environ["EUNOE_API_KEY"]) as client:
    client.chat.complete(
        "My name is Alice and I am allergic to peanuts.",
        namespace="alice",
        commit_after_seconds=0,  # facts are taken from it at once, not after 120 idle seconds
    )
    time.sleep(3)

    with client.chat.stream("What must I not eat?", namespace="alice") as answer:
        for piece in answer:
            print(piece.text, end="", flush=True)
    print()

    for note in answer.memory.notes if answer.memory else ():
        print("recalled:", note.text)
