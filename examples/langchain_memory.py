"""LangChain's ChatOpenAI with memory: one namespace for each user, nothing else changes."""

import os

from langchain_openai import ChatOpenAI

model = ChatOpenAI(
    model="gpt-4",
    base_url=os.environ.get("EUNOE_HTTP_URL", "http://127.0.0.1:8080") + "/v1/memory/ns/bob",
    api_key=os.environ["EUNOE_API_KEY"],
    default_headers={"sessionId": "bob-on-the-phone"},
)

model.invoke("My name is Bob")
print(model.invoke("What is my name?").content)
