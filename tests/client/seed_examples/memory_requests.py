"""Seed 002's examples with requests, in their order; only the host and the key are ours."""

# ruff: noqa: T201 - an example prints
import os

import requests

host = os.environ["EUNOE_HTTP_URL"]
headers = {
    "Authorization": f"Bearer {os.environ['EUNOE_API_KEY']}",
    "Content-Type": "application/json",
}

response = requests.post(
    f"{host}/memory",
    headers=headers,
    json={
        "value": {"firstName": "Jane", "lastName": "Doe", "company": "Acme Corp"},
        "label": "User Profile",
        "namespace": "user_456",
        "tags": ["profile", "customer"],
    },
    timeout=30,
)
memory = response.json()
memory_id = memory["id"]
print("Memory id:", type(memory["id"]).__name__)

response = requests.get(f"{host}/memory/{memory_id}", headers=headers, timeout=30)
memory = response.json()
print(memory["value"])

for number in range(2):
    more: dict[str, str | int] = {"value": number, "namespace": "user_456"}
    requests.post(f"{host}/memory", headers=headers, json=more, timeout=30)
params = {"namespace": "user_456", "limit": "2"}
response = requests.get(f"{host}/memory", headers=headers, params=params, timeout=30)
data = response.json()
items = data["items"]
next_token = data.get("next")
print(f"Found {len(items)} memories")
# Paginate if needed
if next_token:
    params["next"] = next_token
    next_response = requests.get(f"{host}/memory", headers=headers, params=params, timeout=30)
    print(f"Found {len(next_response.json()['items'])} more")

response = requests.put(
    f"{host}/memory/{memory_id}",
    headers=headers,
    json={"tags": ["preferences", "ui-settings", "active"]},
    timeout=30,
)
memory = response.json()
print(memory["tags"])

response = requests.delete(f"{host}/memory/{memory_id}", headers=headers, timeout=30)
result = response.json()
print(result["success"], result["id"] == memory_id)
