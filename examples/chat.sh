#!/usr/bin/env bash
# A session with curl: each request holds only the new message, the server holds the rest.
set -euo pipefail
url=${EUNOE_HTTP_URL:-http://127.0.0.1:8080}
session=$(date +%s)-$RANDOM

for text in "My name is Alice" "What is my name?"; do
  curl --silent --show-error --fail-with-body "$url/api/publicLLM" \
    -H "Authorization: Bearer $EUNOE_API_KEY" \
    -H "sessionId: $session" \
    -H 'Content-Type: application/json' \
    -d "{\"model\": \"gpt-4\", \"messages\": [{\"role\": \"user\", \"content\": \"$text\"}]}"
  echo
done
