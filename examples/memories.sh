#!/usr/bin/env bash
# Memories with curl: create, list, retag, search, delete.
set -euo pipefail
url=${EUNOE_HTTP_URL:-http://127.0.0.1:8080}
call() { curl --silent --show-error --fail-with-body -H "Authorization: Bearer $EUNOE_API_KEY" \
  -H 'Content-Type: application/json' "$@"; echo; }

call -X POST "$url/memory" -d '{
  "id": "user_789_theme",
  "value": {"theme": "dark", "fontSize": 16},
  "label": "UI Preferences",
  "namespace": "user_789",
  "tags": ["preferences", "notifications"]
}'
call "$url/memory?namespace=user_789&limit=50"
call -X PUT "$url/memory/user_789_theme" -d '{"tags": ["preferences", "ui-settings", "active"]}'
call -X POST "$url/search" -d '{
  "query": "user preferences", "object": "memory", "namespace": "user_789"
}'
call -X DELETE "$url/memory/user_789_theme"
