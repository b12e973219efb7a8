"""Seed 003's example with requests: both requests go to the base URL itself."""

# ruff: noqa: T201 - an example prints
import os
import uuid

import requests

session_id = str(uuid.uuid4())
api_key = os.environ["EUNOE_API_KEY"]
base_url = os.environ["EUNOE_HTTP_URL"] + "/api/publicLLM"

headers = {
    "Authorization": f"Bearer {api_key}",
    "sessionId": session_id,
    "Content-Type": "application/json",
}

# First request
response = requests.post(
    base_url,
    headers=headers,
    json={"model": "gpt-4", "messages": [{"role": "user", "content": "My name is Alice"}]},
    timeout=30,
)
print(response.json()["choices"][0]["message"]["content"])

# Second request - same session
response = requests.post(
    base_url,
    headers=headers,
    json={"model": "gpt-4", "messages": [{"role": "user", "content": "What's my name?"}]},
    timeout=30,
)
print(response.json()["choices"][0]["message"]["content"])
