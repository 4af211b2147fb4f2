"""Read models: what is shown, folded out of the ledger and out of nothing else."""

from typing import Any

from projections import complaints, decisions, directory, expiry, field, notices, workspace
from projections.language import ReadModel

READ_MODELS: tuple[ReadModel[Any], ...] = (
    directory.model,
    expiry.model,
    decisions.model,
    workspace.model,
    notices.model,
    complaints.model,
    field.model,
)
"""Every read model with rows of its own. A new one is a module and a line here."""
