"""What the world may know of who commands an incident."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import incident_events_pb2 as pb
from services.command.domain.incident import organisation, post, transfer
from services.runtime.times import to_proto


def of_post(event: post.Event) -> Message | None:
    occurred = to_proto(event.occurred_at)
    match event:
        case post.CommandEstablished():
            return pb.CommandEstablished(
                incident_id=event.incident_id,
                commander=event.commander,
                command_post=event.command_post,
                occur_time=occurred,
                effective_time=to_proto(event.effective_at),
            )
        case transfer.TransferProposed():
            return pb.TransferProposed(
                incident_id=event.incident_id,
                transfer_id=event.transfer_id,
                outgoing=event.outgoing,
                incoming=event.incoming,
                proposed_by=event.proposed_by,
                reason=event.reason,
                briefing=event.briefing,
                effective_time=to_proto(event.effective_at),
                occur_time=occurred,
            )
        case transfer.TransferDeclined():
            return pb.TransferDeclined(
                incident_id=event.incident_id,
                transfer_id=event.transfer_id,
                outgoing=event.outgoing,
                incoming=event.incoming,
                proposed_by=event.proposed_by,
                reason=event.reason,
                occur_time=occurred,
            )
        case transfer.TransferWithdrawn():
            return pb.TransferWithdrawn(
                incident_id=event.incident_id,
                transfer_id=event.transfer_id,
                outgoing=event.outgoing,
                incoming=event.incoming,
                proposed_by=event.proposed_by,
                reason=event.reason,
                occur_time=occurred,
            )
        case transfer.CommandTransferred():
            return pb.CommandTransferred(
                incident_id=event.incident_id,
                outgoing=event.outgoing,
                incoming=event.incoming,
                occur_time=occurred,
                effective_time=to_proto(event.effective_at),
                concerned=event.concerned,
            )
        case transfer.CommandTaken():
            return pb.CommandTransferred(
                incident_id=event.incident_id,
                outgoing=event.outgoing,
                incoming=event.incoming,
                occur_time=occurred,
                effective_time=to_proto(event.effective_at),
                taken=True,
                reason=event.reason,
                instead_of=event.instead_of,
                concerned=event.concerned,
            )
        case (
            transfer.BriefingAcknowledged()
            | organisation.HeadquartersEstablished()
            | organisation.HeadquartersClosed()
            | organisation.RoleAssigned()
            | organisation.RoleRelieved()
            | organisation.UnifiedCommandJoined()
            | organisation.UnifiedCommandLeft()
        ):
            return None
