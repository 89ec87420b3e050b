"""The versioned tables that this service's decisions follow, loaded as reference data."""

from __future__ import annotations

from pathlib import Path

from services.command.domain.incident.contents import SituationReportTable
from services.command.domain.incident.decider import Rules
from services.command.domain.incident.decision_classes import DecisionClasses
from services.command.domain.incident.grade_tables import GradeTables
from services.command.domain.incident.roles import PostTable
from services.command.domain.incident.statutes import Statutes
from services.command.domain.incident_types import IncidentTypes
from services.runtime import reference


def load(folder: Path) -> Rules:
    """Return the rules in ``folder``; exits with what is wrong with a file."""
    return Rules(
        types=reference.load(folder, "incident_types", IncidentTypes),
        decisions=reference.load(folder, "decisions", DecisionClasses),
        grading=reference.load(folder, "grading", GradeTables),
        post=reference.load(folder, "command_post", PostTable),
        deadlines=reference.load(folder, "deadlines", Statutes),
        situation_reports=reference.load(folder, "situation_reports", SituationReportTable),
    )
