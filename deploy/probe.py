"""Asks the service in this pod whether it serves; exit code 0 if so.

The kubelet's own gRPC probe speaks no TLS, and a service that asks its callers for a certificate
asks the kubelet too.  So this speaks for it, with the service's certificate, to `localhost`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 2.0


def channel() -> grpc.Channel:
    address = "localhost:" + os.environ["ANLAN_LISTEN"].rpartition(":")[2]
    certificate, key, ca = (
        Path(os.environ[name]).read_bytes()
        for name in ("ANLAN_TLS_CERTIFICATE", "ANLAN_TLS_KEY", "ANLAN_TLS_CLIENT_CA")
    )
    # The certificate names the service, as its peers call it, and not this pod.
    named = (("grpc.ssl_target_name_override", os.environ["TLS_NAME"]),)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(ca, key, certificate), named)


def main() -> int:
    health = health_pb2_grpc.HealthStub(channel())  # type: ignore[no-untyped-call]
    try:
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
    except grpc.RpcError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return int(answer.status != health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(main())
