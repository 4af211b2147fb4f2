"""Tier policies: versioned data in a closed vocabulary of criteria, judged on facts into a proof tree."""

from domain.policy.check import check
from domain.policy.evaluate import Evaluation, Gap, Node, TierResult, basis_words, evaluate, gaps, why
from domain.policy.facts import Facts
from domain.policy.faults import PolicyFaults
from domain.policy.flatten import flatten
from domain.policy.model import Policy, load
from domain.policy.vectors import Instruments, Questionnaire, run_vectors

__all__ = [
    "Evaluation",
    "Facts",
    "Gap",
    "Instruments",
    "Node",
    "Policy",
    "PolicyFaults",
    "Questionnaire",
    "TierResult",
    "basis_words",
    "check",
    "evaluate",
    "flatten",
    "gaps",
    "load",
    "run_vectors",
    "why",
]
