"""The notification API: requests in, commands out.  No rules live here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from anlan.notify.v1 import notification_service_pb2 as pb
from anlan.notify.v1.notification_service_pb2_grpc import NotificationServiceServicer
from services.notify.domain import notification
from services.notify.projections import NOTIFICATIONS
from services.notify.servicer import messages
from services.runtime import call, paging, reading
from services.runtime.handle import CommandHandler
from services.runtime.readmodel import ReadModel
from services.runtime.rejection import NotFound
from services.runtime.times import said

Notifications = CommandHandler[notification.Command, notification.State, notification.Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationServicer(NotificationServiceServicer):
    notifications: Notifications
    model: ReadModel
    now: Callable[[], datetime]

    async def AcknowledgeNotification(
        self, request: pb.AcknowledgeNotificationRequest, context: Any
    ) -> pb.AcknowledgeNotificationResponse:
        caller = call.current()
        command = notification.AcknowledgeNotification(
            by=caller.actor,
            notification_id=request.notification_id,
            occurred_at=said(request, "occur_time", self.now()),
        )
        cause = caller.cause(request.request_id, await self._story(request.notification_id))
        written = await self.notifications.handle(request.notification_id, command, cause)
        return pb.AcknowledgeNotificationResponse(etag=written.etag, position=written.position)

    async def RetryNotification(
        self, request: pb.RetryNotificationRequest, context: Any
    ) -> pb.RetryNotificationResponse:
        caller = call.current()
        command = notification.RetryNotification(
            by=caller.actor,
            notification_id=request.notification_id,
            reason=request.reason,
            occurred_at=said(request, "occur_time", self.now()),
            now=self.now(),
        )
        cause = caller.cause(request.request_id, await self._story(request.notification_id))
        written = await self.notifications.handle(request.notification_id, command, cause)
        return pb.RetryNotificationResponse(etag=written.etag, position=written.position)

    async def GetNotification(
        self, request: pb.GetNotificationRequest, context: Any
    ) -> pb.GetNotificationResponse:
        statement = select(NOTIFICATIONS).where(
            NOTIFICATIONS.c.notification_id == request.notification_id
        )
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(
                "NO_SUCH_NOTIFICATION",
                f"there is no notification {request.notification_id}",
                notification_id=request.notification_id,
            )
        response = pb.GetNotificationResponse(notification=messages.notification(row))
        reading.freshen(response.freshness, seen)
        return response

    async def ListNotifications(
        self, request: pb.ListNotificationsRequest, context: Any
    ) -> pb.ListNotificationsResponse:
        size = paging.limit(request.page_size)
        statement = (
            select(NOTIFICATIONS).order_by(NOTIFICATIONS.c.opened_position.desc()).limit(size + 1)
        )
        if after := paging.key(request.page_token, (int,)):
            statement = statement.where(NOTIFICATIONS.c.opened_position < after[0])
        if request.state:
            state = messages.STATE_OF[request.state]
            statement = statement.where(NOTIFICATIONS.c.state == state)
        if request.urgency:
            urgency = messages.NOTIFICATION_URGENCY_OF[request.urgency]
            statement = statement.where(NOTIFICATIONS.c.urgency == urgency)
        if request.incident_id:
            statement = statement.where(NOTIFICATIONS.c.incident_id == request.incident_id)
        if request.contact_id:
            statement = statement.where(NOTIFICATIONS.c.contact_id == request.contact_id)
        async with reading.rows(self.model, request.read, self.now()) as (connection, seen):
            rows = (await connection.execute(statement)).all()
        response = pb.ListNotificationsResponse(
            notifications=map(messages.notification, rows[:size])
        )
        if len(rows) > size:
            response.next_page_token = paging.token(rows[size - 1].opened_position)
        reading.freshen(response.freshness, seen)
        return response

    async def _story(self, notification_id: str) -> str:
        """Return the incident that the notification is about; of none its own id."""
        state = await self.notifications.state(notification_id)
        return notification_id if state is None else state.about.incident_id or notification_id
