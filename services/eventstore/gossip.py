"""The Gossip service of a cluster of one: this node, the leader."""

from __future__ import annotations

import time
from uuid import UUID

from esdbclient.protos.Grpc import gossip_pb2, gossip_pb2_grpc, shared_pb2

from services.eventstore.record import TICKS_PER_SECOND
from services.eventstore.refusals import Context


class GossipServicer(gossip_pb2_grpc.GossipServicer):
    def __init__(self, instance_id: UUID, host: str, port: int) -> None:
        self._instance_id = shared_pb2.UUID(string=str(instance_id))
        self._end_point = gossip_pb2.EndPoint(address=host, port=port)

    async def Read(self, request: shared_pb2.Empty, context: Context) -> gossip_pb2.ClusterInfo:
        member = gossip_pb2.MemberInfo(
            instance_id=self._instance_id,
            time_stamp=int(time.time() * TICKS_PER_SECOND),
            state=gossip_pb2.MemberInfo.Leader,
            is_alive=True,
            http_end_point=self._end_point,
        )
        return gossip_pb2.ClusterInfo(members=[member])
