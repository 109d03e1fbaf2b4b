# A few requests to the sample: traffic for `apiproxy rehearse`, which reads curl commands as they are.
curl 'http://127.0.0.1:8998/orders/v1/quote?sku=tea&quantity=2&customer=ada'
curl 'http://127.0.0.1:8998/orders/v1/quote?sku=tea&quantity=none'
curl 'http://127.0.0.1:8998/orders/v1/quote?sku=soap&quantity=1'
curl http://127.0.0.1:8998/orders/v1/ -H 'Content-Type: application/json' -d '{"sku": "tea", "quantity": 2, "customer": "ada"}'
curl http://127.0.0.1:8998/orders/v1/ -H 'Content-Type: application/json' -d '{"sku": "cup", "quantity": 9, "customer": "bob"}'
curl http://127.0.0.1:8998/orders/v1/ -H 'Content-Type: application/json' -d '{"sku": "tea"}'
curl 'http://127.0.0.1:8998/orders/v1/?customer=ada'
curl 'http://127.0.0.1:8998/orders/v1/?customer=ada&limit=1'
curl http://127.0.0.1:8998/orders/v1/1001
curl http://127.0.0.1:8998/orders/v1/4711
curl http://127.0.0.1:8998/orders/v1/L-7
curl -X DELETE http://127.0.0.1:8998/orders/v1/1001
