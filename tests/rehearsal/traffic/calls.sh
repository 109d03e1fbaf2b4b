#!/bin/bash
# examples from the handbook
set -e
KEY=abc123
curl https://api.example.com/ping

curl -sS -X POST "https://api.example.com/orders?dry=true" \
  -H 'Content-Type: application/json' -H "X-Api-Key: $KEY" -H 'X-Two: 1' -H 'X-Two: 2' -H 'Accept:' \
  --data-raw '{"item":"tea","note":"it'\''s"}' --compressed

curl -u jane:pw -d grant_type=client_credentials -d 'scope=a%20b' https://id.example.com/token | jq .
curl -G https://api.example.com/search --data-urlencode 'q=green tea & more' --data-urlencode =x
curl -XDELETE -HX-Trace:1 api.example.com/orders/1 && curl -I https://api.example.com/head
curl 'https://api.example.com/up' -F 'title=Tea' -F 'file=@payload.txt;type=text/plain' ; curl --json '{"a":1}' https://api.example.com/json
curl -T payload.txt https://api.example.com/put -b 'sid=1; x=2' -A agent/1 -e https://example.com/ -k -L -o /dev/null -m 5
curl $'https://api.example.com/a\u00e9' --data-binary $'line1\nline2' --http2 --next -X PUT https://api.example.com/second -d @payload.txt
