"""A dialogue with the Python client for asyncio: messages, state, a thread, the end."""

import asyncio
import os

from eunoe import AsyncEunoe, DialogueEnded

address = os.environ.get("EUNOE_GRPC_ADDRESS", "127.0.0.1:50051")


async def main() -> None:
    async with AsyncEunoe(address, api_key=os.environ["EUNOE_API_KEY"]) as client:
        dialogue = await client.dialogues.create(namespace="user_456", label="Order 4711")
        await dialogue.save_message("user", "My parcel has not come")
        await dialogue.save_message("assistant", "I am sorry. Let me look.")

        dialogue.set_state({"order": 4711, "step": "looking"})
        await dialogue.save_state()

        aside = await dialogue.create_thread(label="Asking the carrier")
        await aside.save_message("user", "Where is parcel 4711?")

        async for message in dialogue.load_messages():
            print(f"{message.role}: {message.content}")

        await dialogue.end()
        try:
            await dialogue.save_message("user", "Hello?")
        except DialogueEnded as error:
            print(error.message)


asyncio.run(main())
