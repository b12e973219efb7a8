"""The OpenAI client with a session: the server holds the history (any OpenAI client can)."""

import os
import uuid

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("EUNOE_HTTP_URL", "http://127.0.0.1:8080") + "/api/publicLLM",
    api_key=os.environ["EUNOE_API_KEY"],
    default_headers={"sessionId": str(uuid.uuid4())},
)

for text in ("My name is Alice", "What's my name?"):
    response = client.chat.completions.create(
        model="gpt-4", messages=[{"role": "user", "content": text}]
    )
    print(response.choices[0].message.content)
