"""Command: incidents from the first report to closure.  Composition root."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

from anlan.command.v1 import command_post_service_pb2 as post_pb
from anlan.command.v1 import deadline_service_pb2 as deadline_pb
from anlan.command.v1 import decision_service_pb2 as decision_pb
from anlan.command.v1 import exercise_service_pb2 as exercise_pb
from anlan.command.v1 import fact_service_pb2 as fact_pb
from anlan.command.v1 import grade_service_pb2 as grade_pb
from anlan.command.v1 import incident_service_pb2 as incident_pb
from anlan.command.v1 import link_service_pb2 as link_pb
from anlan.command.v1 import need_service_pb2 as need_pb
from anlan.command.v1 import objective_service_pb2 as objective_pb
from anlan.command.v1 import plan_service_pb2 as plan_pb
from anlan.command.v1 import report_service_pb2 as report_pb
from anlan.command.v1 import response_service_pb2 as response_pb
from anlan.command.v1 import situation_report_service_pb2 as situation_pb
from anlan.command.v1 import task_service_pb2 as task_pb
from anlan.command.v1.command_post_service_pb2_grpc import (
    add_CommandPostServiceServicer_to_server,
)
from anlan.command.v1.deadline_service_pb2_grpc import add_DeadlineServiceServicer_to_server
from anlan.command.v1.decision_service_pb2_grpc import add_DecisionServiceServicer_to_server
from anlan.command.v1.exercise_service_pb2_grpc import add_ExerciseServiceServicer_to_server
from anlan.command.v1.fact_service_pb2_grpc import add_FactServiceServicer_to_server
from anlan.command.v1.grade_service_pb2_grpc import add_GradeServiceServicer_to_server
from anlan.command.v1.incident_service_pb2_grpc import add_IncidentServiceServicer_to_server
from anlan.command.v1.link_service_pb2_grpc import add_LinkServiceServicer_to_server
from anlan.command.v1.need_service_pb2_grpc import add_NeedServiceServicer_to_server
from anlan.command.v1.objective_service_pb2_grpc import add_ObjectiveServiceServicer_to_server
from anlan.command.v1.plan_service_pb2_grpc import add_PlanServiceServicer_to_server
from anlan.command.v1.report_service_pb2_grpc import add_ReportServiceServicer_to_server
from anlan.command.v1.response_service_pb2_grpc import add_ResponseServiceServicer_to_server
from anlan.command.v1.situation_report_service_pb2_grpc import (
    add_SituationReportServiceServicer_to_server,
)
from anlan.command.v1.task_service_pb2_grpc import add_TaskServiceServicer_to_server
from services.command import rulebook
from services.command.codec import EXERCISE, PLAN, REPORT, incident_decider
from services.command.domain.duplicates import Table
from services.command.domain.incident_types import IncidentTypes
from services.command.policies.clocks import (
    DeadlineClock,
    TaskClock,
    next_deadline_mark,
    next_task_due,
)
from services.command.policies.finishing import SUBJECTS as FOLLOWED
from services.command.policies.finishing import Finishing
from services.command.policies.serving import SUBJECTS as SERVED
from services.command.policies.serving import Serving
from services.command.policies.sheltering import SUBJECTS as SHELTERED
from services.command.policies.sheltering import Sheltering
from services.command.projections import COMMAND
from services.command.relay import CATEGORIES, STREAM, SUBJECTS, public
from services.command.servicer.command_post import CommandPostServicer
from services.command.servicer.deadline import DeadlineServicer
from services.command.servicer.decision import DecisionServicer
from services.command.servicer.exercise import ExerciseServicer
from services.command.servicer.fact import FactServicer
from services.command.servicer.grade import GradeServicer
from services.command.servicer.incident import IncidentServicer
from services.command.servicer.link import LinkServicer
from services.command.servicer.need import NeedServicer
from services.command.servicer.objective import ObjectiveServicer
from services.command.servicer.page import Tables
from services.command.servicer.plan import PlanServicer
from services.command.servicer.planning import Planning
from services.command.servicer.report import ReportServicer
from services.command.servicer.response import ResponseServicer
from services.command.servicer.situation_report import SituationReportServicer
from services.command.servicer.task import TaskServicer
from services.runtime import app, broker, reference
from services.runtime.alarm import Alarm, Alarms
from services.runtime.handle import CommandHandler
from services.runtime.inbox import Delivered, inbox
from services.runtime.place import Regions
from services.runtime.readmodel import ReadModel
from services.runtime.relay import relay
from services.runtime.serve import guarded_server
from services.runtime.settings import Settings
from services.runtime.store import EventStore

DOMAIN = "command.anlan"


async def serve(settings: Settings) -> None:
    store = EventStore(settings.esdb_uri)
    await store.connect()
    model = ReadModel(COMMAND, store, settings.read_model_url)
    await model.open()
    reports = CommandHandler(store, REPORT)
    rules = rulebook.load(settings.reference)
    incidents = CommandHandler(store, incident_decider(rules))
    plans = CommandHandler(store, PLAN)
    planning = Planning(plans=plans, incidents=incidents)
    types = reference.load(settings.reference, "incident_types", IncidentTypes)
    regions = reference.load(settings.reference, "regions", Regions)
    server = guarded_server(settings, DOMAIN)
    add_ReportServiceServicer_to_server(
        ReportServicer(
            reports=reports,
            incidents=incidents,
            model=model,
            regions=regions,
            types=types,
            table=reference.load(settings.reference, "duplicates", Table),
            now=now,
        ),
        server.grpc,
    )
    add_LinkServiceServicer_to_server(
        LinkServicer(
            reports=reports,
            incidents=incidents,
            model=model,
            regions=regions,
            types=types,
            now=now,
        ),
        server.grpc,
    )
    add_IncidentServiceServicer_to_server(
        IncidentServicer(
            incidents=incidents,
            planning=planning,
            model=model,
            tables=Tables(
                types=types,
                reports=rules.situation_reports,
                grades=rules.grading,
                post=rules.post,
            ),
            now=now,
        ),
        server.grpc,
    )
    add_FactServiceServicer_to_server(
        FactServicer(incidents=incidents, model=model, regions=regions, now=now), server.grpc
    )
    add_GradeServiceServicer_to_server(
        GradeServicer(model=model, tables=rules.grading, now=now), server.grpc
    )
    add_SituationReportServiceServicer_to_server(
        SituationReportServicer(incidents=incidents, model=model, rules=rules, now=now),
        server.grpc,
    )
    add_PlanServiceServicer_to_server(PlanServicer(plans=plans, model=model, now=now), server.grpc)
    add_ResponseServiceServicer_to_server(
        ResponseServicer(incidents=incidents, planning=planning, model=model, now=now), server.grpc
    )
    add_CommandPostServiceServicer_to_server(
        CommandPostServicer(incidents=incidents, model=model, table=rules.post, now=now),
        server.grpc,
    )
    add_DecisionServiceServicer_to_server(
        DecisionServicer(incidents=incidents, model=model, classes=rules.decisions, now=now),
        server.grpc,
    )
    add_ObjectiveServiceServicer_to_server(
        ObjectiveServicer(incidents=incidents, model=model, now=now), server.grpc
    )
    add_TaskServiceServicer_to_server(
        TaskServicer(incidents=incidents, model=model, now=now), server.grpc
    )
    add_NeedServiceServicer_to_server(
        NeedServicer(incidents=incidents, model=model, regions=regions, now=now), server.grpc
    )
    add_DeadlineServiceServicer_to_server(
        DeadlineServicer(incidents=incidents, model=model, now=now), server.grpc
    )
    alarms = Alarms(
        model,
        [
            Alarm(next_task_due, TaskClock(model, incidents).ring),
            Alarm(next_deadline_mark, DeadlineClock(model, incidents).ring),
        ],
    )
    add_ExerciseServiceServicer_to_server(
        ExerciseServicer(
            exercises=CommandHandler(store, EXERCISE), model=model, alarms=alarms, now=now
        ),
        server.grpc,
    )

    finishing = Finishing(reports=reports, incidents=incidents)

    async def finish(delivered: Delivered) -> None:
        await finishing.react(delivered.event)

    sheltering, serving = Sheltering(incidents), Serving(incidents)

    async def shelter(delivered: Delivered) -> None:
        await sheltering.react(delivered.event)

    async def serve_need(delivered: Delivered) -> None:
        await serving.react(delivered.event)

    async def publish(js: broker.JetStream) -> None:
        await broker.ensure_stream(js, STREAM, SUBJECTS, replicas=settings.nats_replicas)
        await relay(
            subscribe=lambda after: model.follow(CATEGORIES, after),
            public=public,
            js=js,
            stream=STREAM,
            source="/anlan/command",
        )

    def on_broker(js: broker.JetStream) -> list[Coroutine[Any, Any, None]]:
        return [
            publish(js),
            inbox(js=js, stream=STREAM, durable="command", subjects=FOLLOWED, react=finish),
            inbox(
                js=js,
                stream="ANLAN_RESOURCES",
                durable="command_shelters",
                subjects=SHELTERED,
                react=shelter,
            ),
            inbox(
                js=js,
                stream="ANLAN_RESOURCES",
                durable="command_supplies",
                subjects=SERVED,
                react=serve_need,
            ),
        ]

    try:
        await app.run(
            server,
            [
                report_pb.DESCRIPTOR.services_by_name["ReportService"].full_name,
                exercise_pb.DESCRIPTOR.services_by_name["ExerciseService"].full_name,
                incident_pb.DESCRIPTOR.services_by_name["IncidentService"].full_name,
                link_pb.DESCRIPTOR.services_by_name["LinkService"].full_name,
                fact_pb.DESCRIPTOR.services_by_name["FactService"].full_name,
                grade_pb.DESCRIPTOR.services_by_name["GradeService"].full_name,
                objective_pb.DESCRIPTOR.services_by_name["ObjectiveService"].full_name,
                task_pb.DESCRIPTOR.services_by_name["TaskService"].full_name,
                need_pb.DESCRIPTOR.services_by_name["NeedService"].full_name,
                post_pb.DESCRIPTOR.services_by_name["CommandPostService"].full_name,
                deadline_pb.DESCRIPTOR.services_by_name["DeadlineService"].full_name,
                decision_pb.DESCRIPTOR.services_by_name["DecisionService"].full_name,
                plan_pb.DESCRIPTOR.services_by_name["PlanService"].full_name,
                response_pb.DESCRIPTOR.services_by_name["ResponseService"].full_name,
                situation_pb.DESCRIPTOR.services_by_name["SituationReportService"].full_name,
            ],
            [model],
            [
                broker.while_connected(settings.nats_url, "command", on_broker),
                alarms.run(now),
            ],
        )
    finally:
        await model.close()
        await store.close()


def now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    app.main("command", serve)
