"""The gRPC server that the policy EC-Loyalty calls: knows the customers' tiers, and refuses blocked ones.

Needs grpcio and protobuf:  python samples/callout/loyalty.py 8903
The messages come from external_callout.binpb, the compiled form of external_callout.proto, so that no generated code
has to fit the installed protobuf.
"""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorSet

#: customer → (tier, discount in percent)
TIERS = {"ada": ("gold", 10), "bob": ("silver", 5)}
BLOCKED = {"mallory"}

CONTRACT = FileDescriptorSet.FromString(Path(__file__).with_name("external_callout.binpb").read_bytes())
MessageContext: Any = message_factory.GetMessages(list(CONTRACT.file))["apigee.MessageContext"]


def process_message(transaction: Any, call: grpc.ServicerContext) -> Any:
    """Reads order.customer; sets loyalty.tier and loyalty.discount, or a fault."""
    variables = transaction.additional_flow_variables
    customer = variables["order.customer"].string if "order.customer" in variables else ""
    if customer in BLOCKED:
        # the policy fails with the error code steps.externalcallout.CustomerBlocked
        transaction.fault.name = "CustomerBlocked"
        transaction.fault.fault_string = f"Customer {customer} may not order."
        return transaction
    tier, discount = TIERS.get(customer, ("none", 0))
    variables["loyalty.tier"].string = tier
    variables["loyalty.discount"].int32 = discount
    transaction.request.headers["X-Loyalty-Tier"].strings[:] = [tier]
    return transaction


def serve(address: str) -> grpc.Server:
    """A server that listens there. Raises RuntimeError when the port is taken."""
    method = grpc.unary_unary_rpc_method_handler(
        process_message,
        request_deserializer=MessageContext.FromString,
        response_serializer=MessageContext.SerializeToString,
    )
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("apigee.ExternalCalloutService", {"ProcessMessage": method})]
    )
    server.add_insecure_port(address)
    server.start()
    return server


def main() -> None:
    server = serve(f"127.0.0.1:{sys.argv[1]}")
    print("callout ready", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit())
    server.wait_for_termination()


if __name__ == "__main__":
    main()
