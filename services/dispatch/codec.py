"""The type strings of stored events.  Append only: what was written once is read for ever."""

from __future__ import annotations

from services.dispatch.domain import (
    assignment,
    events,
    incident_ref,
    need_ref,
    planned_start,
    roll_call,
    withdrawal,
)
from services.dispatch.domain.aid import commands as aid_commands
from services.dispatch.domain.aid import decider as aid_decider
from services.dispatch.domain.aid import events as aid_events
from services.dispatch.domain.aid import state as aid_state
from services.dispatch.domain.recommendation import decider as recommendation
from services.dispatch.domain.run_card import decider as run_card
from services.runtime.codec import Codec
from services.runtime.decider import Decider

ASSIGNMENT_CODEC: Codec[events.Event] = Codec(
    {
        "AssignmentRequested.v1": events.AssignmentRequested,
        "AssignmentRefused.v1": events.AssignmentRefused,
        "UnitDispatched.v1": events.UnitDispatched,
        "AssignmentAcknowledged.v1": events.AssignmentAcknowledged,
        "AcknowledgementOverdue.v1": events.AcknowledgementOverdue,
        "UnitEnRoute.v1": events.UnitEnRoute,
        "UnitOnScene.v1": events.UnitOnScene,
        "AssignmentCleared.v1": events.AssignmentCleared,
        "AssignmentDeclined.v1": events.AssignmentDeclined,
        "AssignmentCancelled.v1": events.AssignmentCancelled,
        "AssignmentMoved.v1": events.AssignmentMoved,
        "AssignmentPreplanned.v1": events.AssignmentPreplanned,
        "UnitStaged.v1": events.UnitStaged,
        "UnitTransporting.v1": events.UnitTransporting,
        "UnitAtDestination.v1": events.UnitAtDestination,
        "ActionInitiated.v1": events.ActionInitiated,
        "AssignmentOverridden.v1": events.AssignmentOverridden,
        "AssignmentDiverted.v1": events.AssignmentDiverted,
        "AssignmentWithdrawn.v1": events.AssignmentWithdrawn,
        "CrewHandedOver.v1": events.CrewHandedOver,
        "MaydayDeclared.v1": events.MaydayDeclared,
        "MaydayResolved.v1": events.MaydayResolved,
        "RefusalAnswered.v1": events.RefusalAnswered,
    }
)
INCIDENT_REF_CODEC: Codec[incident_ref.Event] = Codec(
    {
        "IncidentNoted.v1": incident_ref.IncidentNoted,
        "IncidentEnded.v1": incident_ref.IncidentEnded,
        "IncidentResumed.v1": incident_ref.IncidentResumed,
        "IncidentReplaced.v1": incident_ref.IncidentReplaced,
    }
)
NEED_REF_CODEC: Codec[need_ref.Event] = Codec(
    {
        "UnitNeedNoted.v1": need_ref.UnitNeedNoted,
        "UnitNeedCounted.v1": need_ref.UnitNeedCounted,
        "UnitNeedEnded.v1": need_ref.UnitNeedEnded,
    }
)
AID_CODEC: Codec[aid_events.Event] = Codec(
    {
        "AidRequested.v1": aid_events.AidRequested,
        "AidOffered.v1": aid_events.AidOffered,
        "AidAnswered.v1": aid_events.AidAnswered,
        "AidRequisitioned.v1": aid_events.AidRequisitioned,
        "AidCommitted.v1": aid_events.AidCommitted,
        "AidUnitReported.v1": aid_events.AidUnitReported,
        "AidStatusRequested.v1": aid_events.AidStatusRequested,
        "AidUnitsReleased.v1": aid_events.AidUnitsReleased,
        "AidReturnRequested.v1": aid_events.AidReturnRequested,
        "AidReturnAnswered.v1": aid_events.AidReturnAnswered,
        "AidExtensionRequested.v1": aid_events.AidExtensionRequested,
        "AidExtensionAnswered.v1": aid_events.AidExtensionAnswered,
        "AidAnswerOverdue.v1": aid_events.AidAnswerOverdue,
        "AidTermEnded.v1": aid_events.AidTermEnded,
        "AidEnded.v1": aid_events.AidEnded,
        "AidMoved.v1": aid_events.AidMoved,
    }
)
ROLL_CALL_CODEC: Codec[roll_call.Event] = Codec(
    {
        "RollCallStarted.v1": roll_call.RollCallStarted,
        "UnitAccounted.v1": roll_call.UnitAccounted,
        "PersonnelMissing.v1": roll_call.PersonnelMissing,
        "RollCallOverdue.v1": roll_call.RollCallOverdue,
        "RollCallCompleted.v1": roll_call.RollCallCompleted,
        "RollCallEnded.v1": roll_call.RollCallEnded,
        "RollCallMoved.v1": roll_call.RollCallMoved,
    }
)
WITHDRAWAL_CODEC: Codec[withdrawal.Event] = Codec(
    {
        "WithdrawalOrdered.v1": withdrawal.WithdrawalOrdered,
        "WithdrawalMoved.v1": withdrawal.WithdrawalMoved,
    }
)
PLANNED_START_CODEC: Codec[planned_start.Event] = Codec(
    {"StartPlanned.v1": planned_start.StartPlanned}
)
RUN_CARD_CODEC: Codec[run_card.Event] = Codec(
    {
        "RunCardDrafted.v1": run_card.RunCardDrafted,
        "RunCardRevised.v1": run_card.RunCardRevised,
        "RunCardPublished.v1": run_card.RunCardPublished,
        "RunCardRetired.v1": run_card.RunCardRetired,
    }
)
RECOMMENDATION_CODEC: Codec[recommendation.Event] = Codec(
    {"RecommendationMade.v1": recommendation.RecommendationMade}
)

ASSIGNMENT: Decider[assignment.Command, assignment.State, events.Event] = Decider(
    category="assignment",
    initial=assignment.INITIAL,
    decide=assignment.decide,
    evolve=assignment.evolve,
    codec=ASSIGNMENT_CODEC,
)
INCIDENT_REF: Decider[incident_ref.Command, incident_ref.State, incident_ref.Event] = Decider(
    category="incident_ref",
    initial=incident_ref.INITIAL,
    decide=incident_ref.decide,
    evolve=incident_ref.evolve,
    codec=INCIDENT_REF_CODEC,
)
NEED_REF: Decider[need_ref.Command, need_ref.State, need_ref.Event] = Decider(
    category="unit_need",
    initial=need_ref.INITIAL,
    decide=need_ref.decide,
    evolve=need_ref.evolve,
    codec=NEED_REF_CODEC,
)
AID: Decider[aid_commands.Command, aid_state.State, aid_events.Event] = Decider(
    category="aid_request",
    initial=aid_state.INITIAL,
    decide=aid_decider.decide,
    evolve=aid_state.evolve,
    codec=AID_CODEC,
)
ROLL_CALL: Decider[roll_call.Command, roll_call.State, roll_call.Event] = Decider(
    category="roll_call",
    initial=roll_call.INITIAL,
    decide=roll_call.decide,
    evolve=roll_call.evolve,
    codec=ROLL_CALL_CODEC,
)
WITHDRAWAL: Decider[withdrawal.Command, withdrawal.State, withdrawal.Event] = Decider(
    category="withdrawal",
    initial=withdrawal.INITIAL,
    decide=withdrawal.decide,
    evolve=withdrawal.evolve,
    codec=WITHDRAWAL_CODEC,
)
PLANNED_START: Decider[planned_start.Command, planned_start.State, planned_start.Event] = Decider(
    category="planned_start",
    initial=planned_start.INITIAL,
    decide=planned_start.decide,
    evolve=planned_start.evolve,
    codec=PLANNED_START_CODEC,
)
RUN_CARD: Decider[run_card.Command, run_card.State, run_card.Event] = Decider(
    category="runcard",
    initial=run_card.INITIAL,
    decide=run_card.decide,
    evolve=run_card.evolve,
    codec=RUN_CARD_CODEC,
)
RECOMMENDATION: Decider[recommendation.Command, recommendation.State, recommendation.Event] = (
    Decider(
        category="recommendation",
        initial=recommendation.INITIAL,
        decide=recommendation.decide,
        evolve=recommendation.evolve,
        codec=RECOMMENDATION_CODEC,
    )
)
