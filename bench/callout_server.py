"""A gRPC server for ExternalCallout that sends back what it got.   python -m bench.callout_server PORT"""

from __future__ import annotations

import asyncio
import sys

import grpc


async def main(port: int) -> None:
    async def process(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return request

    handler = grpc.unary_unary_rpc_method_handler(process)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("apigee.ExternalCalloutService", {"ProcessMessage": handler}),)
    )
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
