#!/usr/bin/env bash
# A partner's client with curl: requests a refresh, waits for it, and reads its status and errors.
#   BASE_URL=http://127.0.0.1:3000 API_KEY=nft_… COLLECTION=0x… TOKEN_IDS='"1","2"' bash docs/examples/refresh-metadata.sh
set -euo pipefail
: "${BASE_URL:?the URL of the service, such as http://127.0.0.1:3000}"
: "${API_KEY:?an API key of the project, from \"npm run cli -- api-key create\"}"
: "${COLLECTION:?the address of a collection of the project}"
TOKEN_IDS=${TOKEN_IDS:-'"1"'}

response=$(curl --silent --show-error --fail-with-body \
  --request POST "$BASE_URL/mavis-market-partner/collections/$COLLECTION/refresh_metadata" \
  --header "X-API-Key: $API_KEY" \
  --header 'Content-Type: application/json' \
  --data "{\"token_ids\":[$TOKEN_IDS]}")
echo "$response"

refresh_id=$(sed --quiet 's/.*"refresh_id":"\([^"]*\)".*/\1/p' <<<"$response")
for _ in $(seq 60); do
  refresh=$(curl --silent --show-error --fail-with-body \
    --header "X-API-Key: $API_KEY" "$BASE_URL/v1/metadata-refreshes/$refresh_id")
  [[ $refresh == *'"status":"completed"'* ]] && break
  sleep 1
done
echo "$refresh"
curl --silent --show-error --fail-with-body \
  --header "X-API-Key: $API_KEY" "$BASE_URL/v1/metadata-refreshes/$refresh_id/errors"
echo
